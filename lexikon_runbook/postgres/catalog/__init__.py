"""The schema as one comparable value: read, fingerprinted, and compared.

Each query returns (kind, qualified name, definition) for whole groups of objects, so that the
number of queries does not grow with the schema. Nothing in a definition comes from data, from
statistics or from an object identifier. Sources of truth: the pg_get_*def functions, and the
catalogs for what they leave out (owner, options, validity, enabled state).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType

from .. import connections
from ..connections import Connection
from ..names import quoted
from . import keys, objects, tables
from .compare import Catalog, Change, Difference, ObjectKey, difference, without_order
from .tables import NOT_SYSTEM

__all__ = [
    "Catalog",
    "Change",
    "Difference",
    "InvalidIndex",
    "difference",
    "invalid_indexes",
    "read",
    "without_order",
]

# The pg_get_*def functions look past the snapshot and lock what a view reads. internal_error: an
# object was dropped while we read it. Our lock_timeout is shorter than the server's
# deadlock_timeout (1 s), so that it is us who give way: lock_not_available, deadlock_detected.
GIVEN_WAY, ATTEMPTS = ("XX000", "55P03", "40P01"), 10
# With pg_catalog alone on the path every other name comes out qualified; the rest pins how
# constants inside of expressions are printed.
SETTINGS = """
select set_config(name, value, true) from (values
  ('search_path', 'pg_catalog'), ('quote_all_identifiers', 'off'), ('datestyle', 'iso, mdy'),
  ('intervalstyle', 'postgres'), ('timezone', 'utc'), ('extra_float_digits', '1'), ('jit', 'off'),
  ('bytea_output', 'hex'), ('lc_monetary', 'C'), ('xmlbinary', 'base64'), ('work_mem', '32MB'),
  ('max_parallel_workers_per_gather', '0'), ('lock_timeout', '500ms')) as pinned (name, value)
"""
# From this many tables, views and sequences on, a second connection reads half of the rest.
MANY = 1000
OTHERS = (*tables.QUERIES, *objects.QUERIES)
# Unqualified names are looked up as the migrations would: on the connection's own search_path.
VERSION_TABLE = "select to_regclass(%s)::oid"

# Which index a session builds is hidden from other users, and its lock on the table is not.
INVALID_INDEXES = f"""
select n.nspname, x.relname, c.relname, b.now
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace,
lateral (select exists (select from pg_stat_progress_create_index p join pg_locks l using (pid)
  where p.datid = l.database and l.relation = i.indrelid and l.granted)) as b (now)
where not i.indisvalid and x.relkind = 'i' and {NOT_SYSTEM} and (%(being_built)s or not b.now)
order by 1, 2
"""


@dataclass(frozen=True)
class InvalidIndex:
    """An index that PostgreSQL maintains on every write and never reads. Names are unquoted."""

    schema: str
    name: str
    table: str
    being_built: bool

    def __str__(self) -> str:
        name = quoted(f"{self.schema}.{self.name}")
        advice = "a session builds it" if self.being_built else f"DROP INDEX CONCURRENTLY {name}"
        return f"index {self.name} on {self.schema}.{self.table} is INVALID: {advice}"


def read(connection: Connection, version_table: str | None = None) -> Catalog:
    """Read the whole schema in one snapshot. Reads only.

    Left out: system schemas, temporary objects, members of extensions, and `version_table` (as
    `table` or `schema.table`, unquoted) with what belongs to it. The connection is in autocommit;
    a big schema is read on a second one beside it, where the server gives one more.
    Tries again when other sessions' DDL is in the way; raises database.Error when that, or
    another refusal of the server, does not end.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _read(connection, version_table and quoted(version_table))
        except connections.Error as error:
            if error.pgcode not in GIVEN_WAY or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _read(connection: Connection, version_table: str | None) -> Catalog:
    with connections.snapshot(connection):
        number = connections.rows(connection, VERSION_TABLE, (version_table,))[0][0]
        connections.rows(connection, SETTINGS)
        found = _objects(connection, (tables.RELATIONS,), number)
        found |= (_on_two if len(found) >= MANY else _on_one)(connection, number)
    return Catalog(MappingProxyType(found))


def _objects(
    connection: Connection, queries: Sequence[str], version_table: int | None
) -> dict[ObjectKey, str]:
    found: dict[ObjectKey, str] = {}
    for query in queries:
        rows = connections.rows(connection, query, {"version_table": version_table})
        found.update({(intern(kind), name): text for kind, name, text in rows})
    return found


def _on_one(connection: Connection, version_table: int | None) -> dict[ObjectKey, str]:
    return _objects(connection, (*keys.QUERIES, *OTHERS), version_table)


def _on_two(connection: Connection, version_table: int | None) -> dict[ObjectKey, str]:
    """Half of the queries on a second connection in the same snapshot, if it can be opened."""
    exported = connections.rows(connection, "select pg_export_snapshot()")[0][0]
    try:
        other = connections.beside(connection)
    except connections.Error:
        return _on_one(connection, version_table)
    with closing(other), connections.snapshot(other, exported), ThreadPoolExecutor(1) as thread:
        connections.rows(other, SETTINGS)
        reading = thread.submit(_objects, other, keys.QUERIES, version_table)
        found = _objects(connection, OTHERS, version_table)
        return found | reading.result()


def invalid_indexes(
    connection: Connection, *, being_built: bool = False
) -> tuple[InvalidIndex, ...]:
    """The indexes that a failed CREATE INDEX CONCURRENTLY left behind. Reads only.

    With `being_built` also those of tables on which a session builds an index at this moment.
    """
    found = connections.rows(connection, INVALID_INDEXES, {"being_built": being_built})
    return tuple(InvalidIndex(*row) for row in found)
