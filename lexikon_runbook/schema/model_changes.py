"""How a database differs from the models, in words, without what is no drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from ..postgres import connections
from ..postgres.catalog.tables import NOT_MEMBER, NOT_SYSTEM
from ..postgres.connections import Connection
from ..project.process import Message
from .left_out import Ignored

# Models name neither an extension's own tables nor a partition: both come by themselves.
MEMBER = NOT_MEMBER.format(catalog="'pg_class'::regclass", oid="c.oid")
APART = f"""
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm') and {NOT_SYSTEM} and (c.relispartition
  or not {MEMBER})
"""
SIDE = {"add": "the database lacks", "remove": "the models lack"}
WORDS = {"fk": "foreign key", "table_comment": "the comment of table"}
CATALOG = {"fk": "constraint"}

Row = Sequence[str | None]


def apart(connection: Connection) -> frozenset[str]:
    """The tables that models do not name: partitions, and those of extensions. Reads only."""
    return frozenset(row[0] for row in connections.rows(connection, APART))


def lines(told: Message, apart: Set[str], ignore: Sequence[str]) -> tuple[str, ...] | None:
    """A line a difference, of what a worker's `compare` told; None without models. Pure."""
    if told["changes"] is None:
        return None
    return tuple(_words(*row) for row in _kept(told, apart, Ignored(tuple(ignore))))


def _kept(told: Message, apart: Set[str], ignored: Ignored) -> Iterator[Row]:
    for row in told["changes"]:
        verb, schema, table, name = row[:4]
        place = f"{schema or told['default_schema']}.{table}"
        kind = str(verb).partition("_")[2]
        kind = "column" if str(verb).startswith("modify_") else CATALOG.get(kind, kind)
        own = f"{place.rpartition('.')[0]}.{name}" if kind == "index" else f"{place}.{name}"
        if table and str(verb).startswith("remove_") and place in apart:
            continue
        if not (ignored.relation(place if table else "") or (kind, own) in ignored):
            yield row


def _words(
    verb: str | None,
    schema: str | None,
    table: str | None,
    name: str | None,
    before: str | None,
    after: str | None,
) -> str:
    """One of Alembic's differences (alembic.autogenerate.compare_metadata) in words. Pure."""
    of = ".".join(filter(None, (schema, table)))
    action, _, kind = str(verb).partition("_")
    if action == "modify":
        values = f"{_value(before)} in the database, {_value(after)} in models"
        return f"column {of}.{name}: {kind} {values}"
    side = SIDE.get(action, action)
    if kind == "column":
        return f"{side} column {of}.{name}"
    if name is None:
        return f"{side} {WORDS.get(kind, kind)} {of}"
    return f"{side} {WORDS.get(kind, kind)} {name}" + (f" of {of}" if of else "")


def _value(text: str | None) -> str:
    return "none" if text is None else text
