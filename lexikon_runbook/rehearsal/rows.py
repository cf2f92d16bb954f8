"""One row in each table that a revision touches, so that it is proved on tables that hold some.

Only what a required column needs: its type's plainest value, or the key of a row in the table
that it refers to. Everything else stays NULL or at its default. Writes a throwaway database only.
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
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
  and (a.attnotnull or t.typnotnull) and not a.atthasdef and a.attidentity = ''
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


def fill(connection: Connection, tables: Iterable[str]) -> Filled:
    """Put one row into each of these tables (named as in SQL). Writes the database."""
    done: dict[str, None] = {}
    failed: dict[str, str] = {}
    asked = list(tables)
    for table in asked:
        try:
            _insert(connection, table, done, ())
        except NoRow as error:
            failed[table] = str(error)
    return Filled(tuple(table for table in asked if table in done), failed)


def _insert(
    connection: Connection, table: str, done: dict[str, None], above: tuple[str, ...]
) -> None:
    """One row, after one in each table that it must refer to."""
    if table in done:
        return
    if table in above:
        raise NoRow(f"it refers to itself through {' -> '.join((*above, table))}")
    columns = [Column(*row) for row in connections.rows(connection, COLUMNS, (table,))]
    values: dict[str, str] = {column.name: _given(column) for column in columns}
    required = {column.name for column in columns}
    for other, own, theirs in connections.rows(connection, KEYS, (table,)):
        if not required.intersection(own):
            continue
        _insert(connection, other, done, (*above, table))
        for name, key in zip(own, theirs, strict=True):
            values[name] = f"(select {quoted_name(key)} from {other} limit 1)"
    names = ", ".join(map(quoted_name, values))
    given = ", ".join(values.values())
    sql = f"insert into {table} ({names}) values ({given})"
    try:
        connections.rows(connection, sql if values else f"insert into {table} default values")
    except connections.Error as error:
        raise NoRow(shorten(str(error).partition("\n")[0], 120)) from None
    done[table] = None


def _given(column: Column) -> str:
    if column.value is None:
        raise NoRow(f"{column.name} is {column.type}, of which no plain value is known")
    return f"cast('{column.value.replace(chr(39), chr(39) * 2)}' as {column.type})"
