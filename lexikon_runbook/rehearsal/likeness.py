"""What a throwaway database takes after: another database and its server. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from ..postgres import connections
from ..postgres.connections import Connection, Identity
from ..postgres.names import quoted

AS_ALEMBIC = "character varying(32)"
ROLES = "select rolname from pg_roles where rolname !~ '^pg_' order by 1"
OWNER = """
select pg_get_userbyid(coalesce((select relowner from pg_class where oid = to_regclass(%s)),
  (select datdba from pg_database where datname = current_database())))
"""
WIDTH = """
select format_type(atttypid, atttypmod) from pg_attribute
where attrelid = to_regclass(%s) and attname = 'version_num'
"""

EXTENDED = """
select extname::text, nspname::text from pg_extension e
join pg_namespace n on n.oid = e.extnamespace order by 1
"""
# An application's own, which have a dot; what limits sessions is no matter of revisions.
SETTINGS = """
select split_part(each, '=', 1), substr(each, strpos(each, '=') + 1)
from pg_db_role_setting, unnest(setconfig) each
where setrole = 0 and split_part(each, '=', 1) like '%.%'
  and setdatabase = (select oid from pg_database where datname = current_database())
order by 1
"""


@dataclass(frozen=True)
class Likeness:
    """A server's version, an owner, the names of roles; nothing of them where not wanted.

    `schema` is that of the version table, where only env.py's connection finds it without;
    `version_type` the type of its column. `extended` are the schemas of its extensions, each by
    the extension's name; `settings` what ALTER DATABASE has set that revisions may ask for.
    """

    major: int = 0
    owner: str = ""
    roles: tuple[str, ...] = ()
    schema: str = ""
    version_type: str = ""
    extended: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, connection: Connection, identity: Identity, version_table: str) -> Likeness:
        """That of a database which throwaway ones are compared with. Reads only.

        Its owner is the owner of the version table: who ran the migrations.
        """
        table = (quoted(version_table),)
        return cls(
            major=identity.version_number // 10000,
            owner=str(connections.first(connections.rows(connection, OWNER, table))),
            roles=tuple(row[0] for row in connections.rows(connection, ROLES)),
            schema=version_table.rpartition(".")[0],
            version_type=str(connections.first(connections.rows(connection, WIDTH, table)) or ""),
            extended=tuple(connections.rows(connection, EXTENDED)),
            settings=tuple(connections.rows(connection, SETTINGS)),
        )
