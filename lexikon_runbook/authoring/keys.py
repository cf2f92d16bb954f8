"""Questions about foreign keys and indexes, answered from the catalog after the upgrade. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..plan.rules.rule import autocommit
from ..postgres.catalog import Catalog
from ..postgres.names import spelled
from ..project.syntax import functions
from .evidence import Evidence
from .operations import in_tree
from .remark import Remark
from .undoing import LAST, NAME

FOREIGN_KEY = re.compile(rf"FOREIGN KEY \((.*?)\) REFERENCES ((?:{NAME}\.)?{NAME})\((.*?)\)(.*)")
INDEX = re.compile(rf"CREATE (UNIQUE )?INDEX .*? ON (?:ONLY )?({NAME}\.{NAME}) USING (\w+) \((.*)")
PARTS = re.compile(r'"(?:[^"]|"")*"|[^.]+')
T = TypeVar("T")
BUILDS_INDEX = re.compile(r"(PRIMARY KEY|UNIQUE) (?:NULLS NOT DISTINCT )?\((.*?)\)")


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key as the catalog has it; names are as SQL has them."""

    name: str
    table: str
    columns: tuple[str, ...]
    refers: str
    referred: tuple[str, ...]
    rest: str


@dataclass(frozen=True)
class Index:
    """An index, or a key that has one: `plain` says that it is of whole columns, without WHERE."""

    name: str
    table: str
    columns: tuple[str, ...]
    unique: bool
    plain: bool


def foreign_keys(of: Catalog) -> dict[str, ForeignKey]:
    """The foreign keys of a catalog by their qualified names."""
    found = {}
    for (kind, name), text in of.objects.items():
        match, part = FOREIGN_KEY.match(text), LAST.match(name)
        if kind == "constraint" and match and part:
            own, refers, theirs, rest = match.groups()
            key = ForeignKey(part[2], part[1], _names(own), refers, _names(theirs), rest)
            found[name] = key
    return found


def indexes(of: Catalog) -> dict[str, Index]:
    """The indexes of a catalog, and the keys that have one, by their qualified names."""
    found = {}
    for (kind, name), text in of.objects.items():
        part = LAST.match(name)
        if part is None:
            continue
        if kind == "index" and (match := INDEX.match(text)):
            columns, _, rest = match[4].partition(")")
            plain = "(" not in columns and not rest.strip() and match[3] == "btree"
            found[name] = Index(part[2], match[2], _names(columns), bool(match[1]), plain)
        elif kind == "constraint" and (match := BUILDS_INDEX.match(text)):
            found[name] = Index(part[2], part[1], _names(match[2]), True, True)
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def on_foreign_keys(of: Evidence) -> Iterator[Remark]:
    """Whether the new foreign keys are named, say what a delete does, and fit their columns."""
    yield from _unnamed(of)
    if of.after is None:
        return
    for _, key in _new(foreign_keys(of.before), foreign_keys(of.after)):
        if "ON DELETE" not in key.rest:
            yield Remark(
                "note",
                f"{key.name}: a row of {bare(key.refers)} that {bare(key.table)} refers to can't "
                "be deleted. If it shall take them along or leave NULL, say so in the model",
                f'ForeignKey("{bare(key.refers)}.{_plain(key.referred[0])}", ondelete="CASCADE")'
                '  # or "SET NULL"',
            )
        types = [
            [type_of(of.after, table, column) for column in columns]
            for table, columns in ((key.table, key.columns), (key.refers, key.referred))
        ]
        if types[0] != types[1]:
            yield Remark(
                "warning",
                f"{key.name}: {', '.join(types[0])} refers to {', '.join(types[1])}; "
                "give both sides one type",
            )


def _unnamed(of: Evidence) -> Iterator[Remark]:
    """Constraints that the file leaves unnamed, so that the downgrade can't name them either."""
    for function in functions(of.source, "downgrade"):
        for operation in in_tree(function):
            if operation.verb == "drop_constraint" and operation.name is None:
                yield Remark(
                    "danger",
                    f"downgrade() drops a constraint of {operation.table} without its name: it "
                    "fails",
                    _named(of, operation.table),
                )


def _named(of: Evidence, table: str) -> str:
    """The two lines with the name that PostgreSQL gave."""
    made = [
        LAST.sub(r"\2", name)
        for (kind, name) in (of.after or of.before).objects
        if kind == "constraint"
        and (kind, name) not in of.before.objects
        and bare(LAST.sub(r"\1", name)) == table
    ]
    told, schema = given(table)
    name = made[0] if len(made) == 1 else f"{table.rpartition('.')[2]}_COLUMN_fkey"
    return (
        f'# in upgrade(), in place of None, and as name= in the model: "{name}"\n'
        f'op.drop_constraint("{name}", {told}{schema})\n'
        "# for good: a naming_convention in the MetaData of the models names them all"
    )


def on_indexes(of: Evidence) -> Iterator[Remark]:
    """Whether each new foreign key has an index under it, and each new index a use of its own."""
    if of.after is None:
        return
    there, before = indexes(of.after), indexes(of.before)
    for _, key in _new(foreign_keys(of.before), foreign_keys(of.after)):
        if not any(_serves(index, key) for index in there.values()):
            columns = ", ".join(map(_plain, key.columns))
            yield Remark(
                "warning",
                f"no index begins with {columns} of {bare(key.table)}: each delete in "
                f"{bare(key.refers)} reads all of {bare(key.table)}",
                _index_on(of, key),
            )
    for name, index in _new(before, there):
        longer = [
            other
            for label, other in there.items()
            if label != name and index.plain and not index.unique and _covers(other, index)
        ]
        if longer and not (index.columns == longer[0].columns and not longer[0].unique):
            yield Remark(
                "note",
                f"{index.name} ({', '.join(index.columns)}) is the beginning of {longer[0].name} "
                f"({', '.join(longer[0].columns)}), which serves the same queries",
            )
        elif longer:
            yield Remark("warning", f"{index.name} is the same index as {longer[0].name}")


def _new(before: Mapping[str, T], after: Mapping[str, T]) -> list[tuple[str, T]]:
    return [(name, value) for name, value in sorted(after.items()) if before.get(name) != value]


def _serves(index: Index, key: ForeignKey) -> bool:
    first = index.columns[: len(key.columns)]
    return index.table == key.table and set(first) == set(key.columns) and index.plain


def _covers(longer: Index, index: Index) -> bool:
    same = longer.table == index.table and longer.plain
    return same and longer.columns[: len(index.columns)] == index.columns


def _index_on(of: Evidence, key: ForeignKey) -> str:
    """The index under a foreign key, built without blocking where the table has rows."""
    table, columns = bare(key.table), [_plain(column) for column in key.columns]
    name = f"ix_{table.rpartition('.')[2]}_{'_'.join(columns)}"
    listed = ", ".join(f'"{column}"' for column in columns)
    if of.context.graded(table, "note"):
        on = f"{key.table.removeprefix('public.')} ({', '.join(key.columns)})"
        sql = f"CREATE INDEX CONCURRENTLY {spelled(name)} ON {on}"
        return f"# in a revision of its own, and index=True in the model\n{autocommit(sql)}"
    told, schema = given(key.table)
    return f'op.create_index("{name}", {told}, [{listed}]{schema})  # index=True in the model'


def type_of(of: Catalog, table: str, column: str) -> str:
    """A column's type; "" for one that is not there. Names are as SQL has them."""
    text = of.objects.get(("column", f"{qualified(table)}.{column}"), "")
    return re.split(r" (?:COLLATE|DEFAULT|NOT NULL|GENERATED|STORAGE|CONSTRAINT)", text)[0]


def qualified(table: str) -> str:
    """A table with its schema."""
    return table if "." in table else f"public.{table}"


def given(table: str) -> tuple[str, str]:
    """A table as `op` takes it: its name as Python text, and `, schema="..."` where it has one."""
    parts = [part.strip('"') for part in PARTS.findall(table.removeprefix("public."))]
    schema = f", schema={json.dumps(parts[-2], ensure_ascii=False)}" if parts[1:] else ""
    return json.dumps(parts[-1], ensure_ascii=False), schema


def bare(table: str) -> str:
    """A table as a revision names it: without the schema that it has by default."""
    return _plain(table.removeprefix("public."))


def _plain(name: str) -> str:
    return name.strip('"')
