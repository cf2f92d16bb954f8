"""Connections: the driver, its timeouts, who we are to the server, and who the server is.

The only module that knows psycopg2. Every connection opened here is in autocommit
mode and carries an application_name that starts with `lexikon-runbook`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection

from ..errors import NOTHING_CHANGED, TargetUnsuitable
from ..targets.settings import Target
from ..targets.urls import address
from . import unreachable

__all__ = [
    "Connection",
    "Error",
    "Identity",
    "beside",
    "connect",
    "connect_url",
    "identify",
    "require_suitable",
    "rows",
]

Error = psycopg2.Error
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
OLDEST_SERVER = 140000
# Each ends a session that is busy with nothing but waiting for us; the versions that know it.
ENDING = (
    ("idle_in_transaction_session_timeout", 90600),
    ("idle_session_timeout", 140000),
    ("transaction_timeout", 170000),
)
LIMITS = f"set local statement_timeout = '{READ_TIMEOUT_S}s'; set local lock_timeout = '2s'"


@dataclass(frozen=True)
class Identity:
    """Which database a connection reached, as the server says it; `started` in Unix seconds."""

    database: str
    database_oid: int
    user: str
    host: str
    port: str
    version: str
    version_number: int
    system_identifier: str
    standby: bool
    started: str

    @property
    def key(self) -> str:
        """The same text for the same database, by whatever name or address it was reached."""
        server = self.system_identifier or f"{self.host}:{self.port}"
        return f"{server}/{self.database_oid}/{self.database}"

    @property
    def where(self) -> str:
        """The database and its server in a few words."""
        return f"database {self.database} on {self.host}"

    def __str__(self) -> str:
        role = "standby" if self.standby else "primary"
        return f"{self.where} (PostgreSQL {self.version}, {role})"


# inet_server_addr() is null on a Unix socket; pg_control_system() may be revoked. A physical
# copy of a server has its numbers and names, and not its start.
IDENTITY = """
select current_database(),
       (select oid::bigint from pg_database where datname = current_database()),
       current_user,
       coalesce(host(inet_server_addr()), ''),
       coalesce(inet_server_port()::text, current_setting('port')),
       current_setting('server_version'),
       current_setting('server_version_num')::int,
       case when has_function_privilege('pg_control_system()', 'execute')
            then (select system_identifier::text from pg_control_system()) else '' end,
       pg_is_in_recovery(),
       extract(epoch from pg_postmaster_start_time())::text
"""


def identify(connection: Connection) -> Identity:
    """Ask the server which database this is. Reads only."""
    values = list(rows(connection, IDENTITY)[0])
    values[3] = values[3] or (connection.info.host or "local socket")
    if values[3].startswith("/"):
        values[3] = "local socket"
    values[5] = values[5].split(" ")[0]
    return Identity(*values)


class _Own(Connection):
    """A connection of ours. Settings of a session that a pooler lends would reach others."""

    lent = False


def rows(connection: Connection, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Run one query and return its rows; an empty list when it has none.

    Through a pooler, outside of `snapshot`: in a read-only transaction of its own, with the
    timeouts that other connections have from their session.
    """
    idle = connection.info.transaction_status == TRANSACTION_STATUS_IDLE
    alone = idle and isinstance(connection, _Own) and connection.lent
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"begin read only; {LIMITS}; {sql}" if alone else sql, params)
            return cursor.fetchall() if cursor.description else []
        finally:
            if alone and not connection.closed:
                cursor.execute("rollback")


@contextmanager
def snapshot(connection: Connection, of: str = "") -> Iterator[None]:
    """One moment of the database, for all queries in the block; `of` is an exported snapshot's.

    Reads only: a read-only transaction, rolled back.
    """
    with connection.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read, read only")
        try:
            if of:
                cursor.execute("set transaction snapshot %s", (of,))
            cursor.execute(LIMITS)
            yield
        finally:
            if not connection.closed:
                cursor.execute("rollback")


def connect(target: Target, purpose: str = "read") -> Connection:
    """Open a connection to the target's database: read-only unless `purpose` is `write`.

    Raises TargetUnreachable, with the likely cause and without a secret.
    """
    text = target.url()
    try:
        connection = connect_url(text, purpose=purpose)
    except (psycopg2.Error, UnicodeError) as error:
        raise unreachable.explain(target, address(text), str(error)) from None
    _limit(connection, read_only=purpose != "write")
    return connection


def connect_url(url: str, purpose: str = "read") -> Connection:
    """Open an autocommit connection to that URL. Raises `Error`, or SettingsError for no URL.

    No startup options are sent, since a pooler refuses those it does not know.
    """
    given: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, **address(url).keywords}
    given["application_name"] = f"lexikon-runbook {purpose}"
    connection: Connection = psycopg2.connect("", connection_factory=_Own, **given)
    connection.autocommit = True
    return connection


def beside(connection: Connection) -> Connection:
    """Open a second connection to the same server and database, read-only. Raises `Error`."""
    info = connection.info
    given: dict[str, Any] = {**info.dsn_parameters, "host": info.host, "port": info.port}
    if info.password:
        given["password"] = info.password
    other: Connection = psycopg2.connect("", connection_factory=_Own, **given)
    other.autocommit = True
    _limit(other, read_only=True)
    return other


def _limit(connection: Connection, *, read_only: bool) -> None:
    if isinstance(connection, _Own) and pooled(connection):
        connection.lent = read_only
        return
    version = connection.info.server_version
    ending = "".join(
        f", set_config('{name}', '0', false)" for name, since in ENDING if version >= since
    )
    rows(
        connection,
        "select set_config('statement_timeout', %s, false),"
        " set_config('lock_timeout', '2s', false),"
        f" set_config('default_transaction_read_only', %s, false){ending}",
        (f"{READ_TIMEOUT_S}s", "on" if read_only else "off"),
    )


def pooled(connection: Connection) -> bool:
    """Whether a connection pooler stands between: its process number is not the server's."""
    return connection.info.backend_pid != _server_pid(connection)


def _server_pid(connection: Connection) -> int:
    return int(rows(connection, "select pg_backend_pid()")[0][0])


def require_suitable(connection: Connection, identity: Identity) -> None:
    """Refuse a pooler, a standby and a server that is too old. Reads only."""
    if pooled(connection):
        own, seen = connection.info.backend_pid, _server_pid(connection)
        raise TargetUnsuitable(
            f"{identity.where} was reached through a connection pooler (the pooler's process "
            f"number is {own}, the server's {seen}); locks and settings would leak to others.",
            state=NOTHING_CHANGED,
            next_step="point the target at PostgreSQL itself, usually port 5432 in place of 6432.",
            finding="pooler",
        )
    if identity.standby:
        raise TargetUnsuitable(
            f"{identity.where} is a standby: it can't be written.",
            state=NOTHING_CHANGED,
            next_step="point the target at the primary (see pg_stat_wal_receiver on this standby "
            "for its address), or promote this server first.",
            finding="standby",
        )
    require_version(identity.version_number, identity.version)


FROZEN = """
select case when setdatabase = 0 then 'role ' || rolname
            when setrole = 0 then 'database ' || current_database()
            else 'role ' || rolname || ' in database ' || current_database() end
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
where setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and (setrole = 0 or rolname = current_user)
  and exists (select from unnest(setconfig) c
    where c ~ '^default_transaction_read_only=(on|true|yes|1)$')
order by setrole desc, setdatabase desc limit 1
"""


def frozen(connection: Connection, identity: Identity) -> TargetUnsuitable | None:
    """That somebody has set the database read-only for whom we connect as. Reads only."""
    default = rows(
        connection, "select reset_val from pg_settings where name = 'default_transaction_read_only'"
    )
    if first(default) != "on":
        return None
    who = first(rows(connection, FROZEN))
    place = f"for {who}" if who else "on this server"
    undo = f"ALTER {who.upper().split()[0]} {who.split(maxsplit=1)[1]} RESET" if who else ""
    return TargetUnsuitable(
        f"{identity.where} was set read-only {place}: default_transaction_read_only is on.",
        state=NOTHING_CHANGED,
        next_step="ask who froze it, and why. To thaw it: "
        + (f"{undo} default_transaction_read_only;" if undo else "the server's configuration.")
        + " An env.py that switches it off for its own session does not.",
        finding="read-only-sessions",
    )


def require_writable(connection: Connection, identity: Identity) -> None:
    """Refuse a database that is `frozen`. Reads only; raises TargetUnsuitable."""
    if refusal := frozen(connection, identity):
        raise refusal


def require_version(number: int, text: str) -> None:
    """Refuse a server older than PostgreSQL 14. Pure."""
    if number < OLDEST_SERVER:
        raise TargetUnsuitable(
            f"the server is PostgreSQL {text}; the oldest supported is 14.",
            state=NOTHING_CHANGED,
            next_step="upgrade the server, or run plain `alembic` by the manual guide.",
            finding="server-too-old",
        )


def first(values: Sequence[tuple[Any, ...]]) -> Any:
    """The first column of the first row, or None."""
    return values[0][0] if values else None
