"""Whether a database holds any row that could be lost, or be in the way. Reads only."""

from __future__ import annotations

from . import connections
from .catalog.tables import NOT_SYSTEM
from .connections import Connection

AT_ONCE = 100
# A version table says where the database is, and holds nothing else.
TABLES = f"""
select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and {NOT_SYSTEM}
  and not (c.relnatts = 1 and exists (
    select from pg_attribute where attrelid = c.oid and attname = 'version_num'))
order by c.relpages desc
"""


def any_row(connection: Connection) -> bool:
    """Whether any table has a row; also where one could not be read. Reads only."""
    tables = [str(row[0]) for row in connections.rows(connection, TABLES)]
    for start in range(0, len(tables), AT_ONCE):
        asked = " or ".join(
            f"exists (select from {name})" for name in tables[start : start + AT_ONCE]
        )
        try:
            sql = f"begin read only; set local row_security = off; select {asked}"
            if connections.first(connections.rows(connection, sql)):
                return True
        except connections.Error:
            return True
        finally:
            connections.rows(connection, "rollback")
    return False
