"""Alembic's operations, read from the Python of a revision. Pure: nothing of it is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..show.render import shorten
from .layout import parsed

NAMED_FIRST = frozenset(
    {
        *("create_index", "drop_index", "drop_constraint", "create_foreign_key"),
        *("create_unique_constraint", "create_check_constraint", "create_primary_key"),
        *("create_exclude_constraint",),
    }
)
OF_TYPE = re.compile(r'(CREATE|DROP) TYPE ((?:"(?:[^"]|"")+"|[^\s"])+)')
OF_COLUMNS = frozenset({"add_column", "drop_column", "alter_column"})


@dataclass(frozen=True)
class Operation:
    """One call of `op`: its verb (`add_column`), its table, and its name if it has one of its own.

    `table` has its schema where one is given; `name` is None where it is left to the database.
    `detail` is the rest of the call as it is written.
    """

    verb: str
    table: str
    name: str | None = ""
    detail: str = ""

    @property
    def words(self) -> str:
        """The verb in words: `add column`."""
        return self.verb.replace("_", " ")

    @property
    def what(self) -> str:
        """What it is about: a table, a column as `table.column`, or a name."""
        if self.verb in OF_COLUMNS:
            return f"{self.table}.{self.name}"
        return self.name or self.table


def read(code: str) -> tuple[Operation, ...]:
    """The operations in these lines, in the order they are written; none when it is not Python."""
    tree = parsed(code)
    return tuple(in_tree(tree)) if tree else ()


def in_tree(tree: ast.AST) -> Iterator[Operation]:
    """The operations under a node, in the order they are written."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        root = node.func.value
        if isinstance(root, ast.Name) and root.id == "op" and node.func.attr not in ("f", "batch"):
            yield _operation(node.func.attr, node)


def _operation(verb: str, call: ast.Call) -> Operation:
    given = {k.arg: k.value for k in call.keywords if k.arg}
    places: Sequence[ast.expr] = call.args
    names = [_text(place) for place in places[:2]] + [None, None]
    schema = _text(given.get("schema")) or _text(given.get("source_schema"))
    if verb in NAMED_FIRST:
        name, table = names[0], names[1] or _text(given.get("table_name"))
    elif verb in OF_COLUMNS:
        name, table = names[1], names[0]
    else:
        name, table = "", names[0]
    rest = [ast.unparse(each) for each in places[0 if verb == "execute" else 1 :]]
    rest += [f"{key}={ast.unparse(value)}" for key, value in given.items()]
    if verb == "create_table":
        columns = [_text(place) for place in places[1:] if _is_column(place)]
        rest = [f"{len(columns)} columns: {', '.join(filter(None, columns))}"]
    elif verb == "add_column" and isinstance(places[-1], ast.Call):
        column = places[-1]
        rest = [ast.unparse(each) for each in column.args[1:]]
        rest += [f"{k.arg}={ast.unparse(k.value)}" for k in column.keywords]
    elif verb in OF_COLUMNS:
        rest = rest[1:]
    elif verb == "execute" and (type_ := OF_TYPE.match(names[0] or "")):
        verb, name, table = f"{type_[1].lower()}_type", type_[2], ""
    whole = f"{schema}.{table}" if schema and table else table or ""
    return Operation(verb, whole, name, shorten(", ".join(rest), 200))


def _is_column(node: ast.expr) -> bool:
    func = node.func if isinstance(node, ast.Call) else None
    return isinstance(func, ast.Attribute) and func.attr == "Column"


def _text(node: ast.expr | None) -> str | None:
    """A text as it is given: plain, in op.f("..."), or the name of sa.Column("...", ...)."""
    if isinstance(node, ast.Call) and node.args:
        return _text(node.args[0])
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
