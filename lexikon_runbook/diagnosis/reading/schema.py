"""What the catalogs show at a glance, and the version tables that there are. Reads only."""

from __future__ import annotations

from ...postgres import catalog, connections
from ...postgres.catalog import sequences
from ...postgres.catalog.tables import NOT_MEMBER, NOT_SYSTEM
from ...postgres.connections import Connection
from ...postgres.names import quoted, spelled
from ...project.database import Database
from ..evidence import Constraint, Index, Schema, Sequence, Sequences, VersionTable
from ..of_schema import NEAR_END

MOST_VERSION_TABLES = 20
MOST_ROWS = 100

NAME = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
TABLES = f"""
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and {NOT_SYSTEM} and c.oid is distinct from to_regclass(%s)
  and {NOT_MEMBER.format(catalog="'pg_class'::regclass", oid="c.oid")}
"""
UNVALIDATED = f"""
select quote_ident(k.conname), {NAME}
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where not k.convalidated and {NOT_SYSTEM} order by 2, 1
"""
SEQUENCES = f"""
{sequences.SEQUENCES}
select name, last_value, most, percent, "table", "column", column_type, locked_by, "grant"
from sequences where increment > 0 and not cycles order by name
"""
RIGHTS = """
select coalesce(quote_ident(pg_get_userbyid(c.relowner)), ''), quote_ident(n.nspname),
  has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT')
    and has_table_privilege(c.oid, 'UPDATE') and has_table_privilege(c.oid, 'DELETE'),
  (select nullif(a.atttypmod, -1) - 4 from pg_attribute a
    where a.attrelid = c.oid and a.attname = 'version_num')
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(%s)
"""
VERSION_TABLES = f"""
select {NAME}, has_table_privilege(c.oid, 'SELECT') from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'version_num' and not a.attisdropped
where c.relkind = 'r' and {NOT_SYSTEM} and c.oid is distinct from to_regclass(%s)
order by 1 limit {MOST_VERSION_TABLES}
"""


def schema(connection: Connection, version_table: str) -> Schema:
    """Counts and oddities of the schema. Reads only."""
    invalid = catalog.invalid_indexes(connection, being_built=True)
    table = (quoted(version_table),)
    return Schema(
        tables=int(connections.first(connections.rows(connection, TABLES, table))),
        invalid=tuple(
            Index(quoted(f"{i.schema}.{i.name}"), i.table, i.being_built) for i in invalid
        ),
        unvalidated=tuple(Constraint(*row) for row in connections.rows(connection, UNVALIDATED)),
    )


def numbers(connection: Connection) -> Sequences:
    """The sequences that are near their end, and those of which it can't be told. Reads only."""
    near, unread = [], []
    for row in connections.rows(connection, SEQUENCES):
        name, last, most, percent, *filled, locked_by, grant = row
        if last is None:
            held = f"pid {locked_by} holds a lock on it" if locked_by else "its value is not here"
            unread.append(f"{name}: {grant or held}")
        elif percent and percent >= NEAR_END:
            near.append(Sequence(name, last, most, percent, *filled))
    return Sequences(tuple(near), tuple(unread))


def version(connection: Connection, found: Database) -> VersionTable:
    """The version table that env.py has, and what this role may do with it. Reads only."""
    rights = connections.rows(connection, RIGHTS, (quoted(found.version_table),))
    name, at = spelled(found.version_table), found.known_version
    if not rights:
        return VersionTable(name, tracked=False, width=at.width if at else 32)
    owner, schema, reads, writes, width = rights[0]
    return VersionTable(
        name,
        ids=at.ids if at else (),
        owner=owner,
        may_read=reads,
        may_write=writes,
        schema=schema,
        width=width,
    )


def other_version_tables(connection: Connection, version_table: str) -> tuple[VersionTable, ...]:
    """Every other table with a column version_num, with its rows. Reads only."""
    found = connections.rows(connection, VERSION_TABLES, (quoted(version_table),))
    return tuple(
        VersionTable(name, ids=_ids(connection, name) if readable else (), may_read=readable)
        for name, readable in found
    )


def _ids(connection: Connection, name: str) -> tuple[str, ...]:
    sql = f"select version_num::text from {name} order by 1 limit {MOST_ROWS}"
    return tuple(row[0] for row in connections.rows(connection, sql))
