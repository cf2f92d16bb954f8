"""One row in each table that a revision touches, so that it is proved on tables that hold some.

A value in each column, its type's plainest, or the key of a row in the table that it refers to;
or only what a required column needs. Writes a throwaway database only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..postgres import connections
from ..postgres.connections import Connection
from ..postgres.names import quoted_name
from ..show.render import shorten

COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typcategory, t.typcategory),
  coalesce((select e.enumlabel from pg_enum e where e.enumtypid = coalesce(b.oid, t.oid)
    order by e.enumsortorder limit 1), coalesce(b.typname, t.typname))
from pg_attribute a join pg_type t on t.oid = a.atttypid
left join pg_type b on b.oid = t.typbasetype
where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped
  and (%(whole)s or a.attnotnull or t.typnotnull) and a.attidentity = '' and a.attgenerated = ''
  and not (a.atthasdef and (a.attnotnull or t.typnotnull or not %(whole)s))
order by a.attnum
"""
KEYS = """
select k.confrelid::regclass::text,
  array(select a.attname from unnest(k.conkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    order by u.place)::text[],
  array(select a.attname from unnest(k.confkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number
    order by u.place)::text[]
from pg_constraint k where k.conrelid = to_regclass(%s) and k.contype = 'f' order by k.conname
"""
# By PostgreSQL's type category, then by the type's name.
BY_CATEGORY = {
    **{"N": "1", "S": "x", "B": "true", "D": "2000-01-01 00:00:00", "T": "1 day", "A": "{}"},
    **{"R": "empty", "I": "127.0.0.1", "V": "1"},
}
BY_NAME = {
    **{"uuid": "00000000-0000-0000-0000-000000000001", "json": "{}", "jsonb": "{}"},
    **{"bytea": "x", "tsvector": "x", "xml": "<x/>"},
}


class Column(NamedTuple):
    """A column that an INSERT must give: `label` is an enum's first, or the type's name."""

    name: str
    type: str
    category: str
    label: str

    @property
    def value(self) -> str | None:
        """The plainest value of its type, as text; None where none is known."""
        if self.category == "E":
            return self.label
        return BY_NAME.get(self.label) or BY_CATEGORY.get(self.category)


class NoRow(Exception):
    """A table that no row could be put into, and why."""


@dataclass(frozen=True)
class Filled:
    """The tables that hold one row each, and those that hold none, with the reason."""

    tables: tuple[str, ...] = ()
    without: Mapping[str, str] | None = None

    def __str__(self) -> str:
        said = [f"one row in each of {', '.join(self.tables)}"] if self.tables else []
        said += [f"none in {table}: {why}" for table, why in (self.without or {}).items()]
        return "\n".join(said) or "no table that existed before is touched"


def fill(connection: Connection, tables: Iterable[str], *, whole: bool = False) -> Filled:
    """Put one row into each of these tables (named as in SQL). Writes the database.

    With a value in every column where `whole`, as far as the table takes it; else in those only
    that need one.
    """
    done: dict[str, None] = {}
    failed: dict[str, str] = {}
    asked = list(tables)
    for table in asked:
        try:
            _insert(connection, table, done, (), whole)
        except NoRow as error:
            failed[table] = str(error)
    return Filled(tuple(table for table in asked if table in done), failed)


def gone(connection: Connection, tables: Iterable[str]) -> tuple[str, ...]:
    """Those of these tables that are there and hold no row any more. Reads only."""
    found: list[str] = []
    for table in tables:
        there = connections.rows(connection, "select to_regclass(%s)", (table,))
        held = f"select exists (select from {table})"
        if connections.first(there) and not connections.first(connections.rows(connection, held)):
            found.append(table)
    return tuple(found)


def _insert(
    connection: Connection,
    table: str,
    done: dict[str, None],
    above: tuple[str, ...],
    whole: bool,
) -> None:
    """One row, after one in each table that it must refer to."""
    if table in done:
        return
    if table in above:
        raise NoRow(f"it refers to itself through {' -> '.join((*above, table))}")
    try:
        values = _values(connection, table, done, above, whole)
        _put(connection, table, values)
    except NoRow:
        if not whole:
            raise
        _put(connection, table, _values(connection, table, done, above, False))
    done[table] = None


def _values(
    connection: Connection,
    table: str,
    done: dict[str, None],
    above: tuple[str, ...],
    whole: bool,
) -> dict[str, str]:
    """What the columns of a row are given, as SQL; writes the rows that it refers to."""
    asked = {"table": table, "whole": whole}
    columns = [Column(*row) for row in connections.rows(connection, COLUMNS, asked)]
    known = [column for column in columns if not whole or column.value is not None]
    values: dict[str, str] = {column.name: _given(column) for column in known}
    for other, own, theirs in connections.rows(connection, KEYS, (table,)):
        if not {column.name for column in columns}.intersection(own):
            continue
        _insert(connection, other, done, (*above, table), whole)
        for name, key in zip(own, theirs, strict=True):
            values[name] = f"(select {quoted_name(key)} from {other} limit 1)"
    return values


def _put(connection: Connection, table: str, values: Mapping[str, str]) -> None:
    names = ", ".join(map(quoted_name, values))
    given = ", ".join(values.values())
    sql = f"insert into {table} ({names}) values ({given})"
    try:
        connections.rows(connection, sql if values else f"insert into {table} default values")
    except connections.Error as error:
        raise NoRow(shorten(str(error).partition("\n")[0], 120)) from None


def _given(column: Column) -> str:
    if column.value is None:
        raise NoRow(f"{column.name} is {column.type}, of which no plain value is known")
    return f"cast('{column.value.replace(chr(39), chr(39) * 2)}' as {column.type})"
