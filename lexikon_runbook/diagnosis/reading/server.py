"""The URL's form, and the server as this role finds it. Reads only."""

from __future__ import annotations

import re
from types import MappingProxyType

from ...postgres import connections
from ...postgres.connections import Connection, Identity
from ...project.project import Project
from ..evidence import Address, Server, Slot
from . import sessions

SETTINGS = (
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "default_transaction_read_only",
)
# What our own session was given does not change reset_val.
NEW_SESSION = "select name, reset_val from pg_settings where name = any(%s)"
ROLE = """
select quote_ident(current_database()), quote_ident(current_user), quote_ident(n.nspname),
  coalesce(quote_ident(pg_get_userbyid(n.nspowner)), ''),
  coalesce(has_schema_privilege(n.oid, 'CREATE'), false)
from (select) as one left join pg_namespace n on n.nspname = current_schema()
"""
# Whose type is hidden from this role, and has a user, is a client (activity.CLIENTS).
CONNECTIONS = """
select (select count(*) from pg_stat_activity
    where backend_type = 'client backend' or backend_type is null and usesysid is not null),
  (select sum(case when name = 'max_connections' then 1 else -1 end * setting::int)
    from pg_settings where name in
      ('max_connections', 'superuser_reserved_connections', 'reserved_connections'))
"""
SLOTS = """
select quote_literal(slot_name), pg_wal_lsn_diff(case when pg_is_in_recovery()
  then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn)::bigint
from pg_replication_slots where not active and restart_lsn is not null order by 2 desc
"""
PRIMARY = "select sender_host || ':' || sender_port from pg_stat_wal_receiver"


def address(project: Project) -> Address:
    """The form of the target's URL, and what the project's Python connects with. Reads only.

    Raises SettingsError when there is no URL, or no Python of the project.
    """
    target, there = project.target, project.opened
    text = target.url()
    numbers = tuple(int(part) for part in re.findall(r"\d+", there["sqlalchemy"])[:2])
    psycopg3 = "psycopg" in there["drivers"]
    scheme = text.partition("://")[0] if target.url_env else "postgresql+psycopg2"
    return Address(scheme, "%" in text, numbers, psycopg3)


def server(connection: Connection, identity: Identity, pooled: bool) -> Server:
    """The server, and what a new session of this role gets there. Reads only."""
    name, user, schema, owner, may_create = connections.rows(connection, ROLE)[0]
    used, allowed = connections.rows(connection, CONNECTIONS)[0]
    primary = connections.first(connections.rows(connection, PRIMARY)) if identity.standby else ""
    return Server(
        database=name,
        user=user,
        port=identity.port,
        standby=identity.standby,
        pooled=pooled,
        primary=primary or "",
        used=used,
        allowed=allowed,
        idle=sessions.idle(connection),
        settings=MappingProxyType(
            dict(connections.rows(connection, NEW_SESSION, (list(SETTINGS),)))
        ),
        schema=schema,
        schema_owner=owner,
        may_create=may_create,
        slots=tuple(Slot(*row) for row in connections.rows(connection, SLOTS)),
    )
