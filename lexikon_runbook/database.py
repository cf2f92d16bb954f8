"""Connections: the driver, its timeouts, who we are to the server, and who the server is.

The only module that knows psycopg2. Every connection opened here is in autocommit
mode and carries an application_name that starts with `lexikon-runbook`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import psycopg2
from psycopg2.extensions import connection as Connection

from . import unreachable
from .errors import NOTHING_CHANGED, SettingsError, TargetUnsuitable
from .settings import Target

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

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
    "url_from",
]

Error = psycopg2.Error
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
OLDEST_SERVER = 140000
SCHEMES = (
    "postgres",
    "postgresql",
    "postgresql+psycopg2",
    "postgresql+psycopg",
    "postgresql+asyncpg",
)
# SQLAlchemy's grammar of a URL, restated: importing SQLAlchemy takes longer than all that a
# deploy with nothing pending has to do. A property test holds the two together.
PARTS = re.compile(
    r"(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:\[(?P<ipv6>[^/?]+)\]|(?P<host>[^/:?]+))?(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?"
)
EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


def url_from(text: str) -> URL:
    """A PostgreSQL URL with psycopg2 as its driver. Reads only.

    Accepts `postgres://`, `postgresql://` and the spellings with a driver. Raises
    SettingsError, without echoing the text, for anything else.
    """
    from sqlalchemy.engine import make_url

    _parts(text)
    return make_url(f"postgresql+psycopg2://{text.partition('://')[2]}")


def _parts(text: str) -> dict[str, str]:
    """The parts of a URL as they are written, those that are there. Pure; see `url_from`."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise _malformed("it does not begin with postgresql://")
    if scheme not in SCHEMES:
        word = scheme if re.fullmatch(r"[a-z0-9+]{1,20}", scheme) else "another scheme"
        raise _malformed(f"it is for {word}, and these runbooks are for PostgreSQL")
    if re.search(r"\s|\x00|%00", text):
        raise _malformed("it holds white space or a NUL; write a space %20 and leave NUL out")
    match = PARTS.match(rest)
    parts = {name: part for name, part in match.groupdict().items() if part} if match else {}
    if "@" in "".join(unquote(parts.get(name, "")) for name in ("host", "ipv6", "dbname")):
        raise _malformed("its user or password has an @ or a / that is not percent-encoded")
    port = parts.get("port", "5432")
    if not port.isdecimal():
        raise _malformed("it can't be taken apart into user, host, port and database")
    if not 0 < int(port) < 65536:
        raise _malformed("its port is not between 1 and 65535")
    return parts


def keywords(text: str) -> dict[str, Any]:
    """What psycopg2 connects with for a URL: libpq's keywords. Pure; see `url_from`."""
    parts = _parts(text)
    query = parse_qsl(parts.pop("query", ""))
    plain = {"host": r"[^:,]*", "port": r"[0-9]+"}
    if len(dict(query)) < len(query) or not all(
        re.fullmatch(plain.get(key, ".*"), value) for key, value in query
    ):
        return _of_several_hosts(text)
    found: dict[str, Any] = {
        "host" if name == "ipv6" else name: part if name in ("host", "ipv6") else unquote(part)
        for name, part in parts.items()
    }
    if "port" in found:
        found["port"] = int(found["port"])
    return {**found, **dict(query)}


def _malformed(why: str) -> SettingsError:
    return SettingsError(
        f"the database URL can't be used: {why}.",
        state=NOTHING_CHANGED,
        next_step=f"write it as {EXAMPLE}, with %, @, / and : in user and password "
        "percent-encoded.",
    )


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


def rows(connection: Connection, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Run one query and return its rows; an empty list when it has none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def _of_several_hosts(text: str) -> dict[str, Any]:
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
    from sqlalchemy.exc import ArgumentError

    dialect = PGDialect_psycopg2()  # type: ignore[no-untyped-call]
    try:
        return dict(dialect.create_connect_args(url_from(text))[1])  # type: ignore[no-untyped-call]
    except ArgumentError:
        raise _malformed("its hosts and ports can't be told apart") from None


def connect(target: Target, purpose: str = "read") -> Connection:
    """Open a connection to the target's database: read-only unless `purpose` is `write`.

    Raises TargetUnreachable, with the likely cause and without a secret.
    """
    text = target.url()
    try:
        connection = connect_url(text, purpose=purpose)
    except (psycopg2.Error, UnicodeError) as error:
        raise unreachable.explain(target, url_from(text), str(error)) from None
    if not pooled(connection):
        _set(connection, read_only=purpose != "write")
    return connection


def connect_url(url: str, purpose: str = "read") -> Connection:
    """Open an autocommit connection to that URL. Raises `Error`.

    No startup options are sent, since a pooler refuses those it does not know.
    """
    given = {"connect_timeout": CONNECT_TIMEOUT_S, **keywords(url)}
    given["application_name"] = f"lexikon-runbook {purpose}"
    connection: Connection = psycopg2.connect("", **given)
    connection.autocommit = True
    return connection


def beside(connection: Connection) -> Connection:
    """Open a second connection to the same server and database, read-only. Raises `Error`."""
    info = connection.info
    given: dict[str, Any] = {**info.dsn_parameters, "host": info.host, "port": info.port}
    if info.password:
        given["password"] = info.password
    other: Connection = psycopg2.connect("", **given)
    other.autocommit = True
    _set(other, read_only=True)
    return other


def _set(connection: Connection, *, read_only: bool) -> None:
    rows(
        connection,
        "select set_config('statement_timeout', %s, false),"
        " set_config('lock_timeout', '2s', false),"
        " set_config('default_transaction_read_only', %s, false)",
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
        )
    if identity.standby:
        raise TargetUnsuitable(
            f"{identity.where} is a standby: it can't be written.",
            state=NOTHING_CHANGED,
            next_step="point the target at the primary (see pg_stat_wal_receiver on this standby "
            "for its address), or promote this server first.",
        )
    require_version(identity.version_number, identity.version)


def require_version(number: int, text: str) -> None:
    """Refuse a server older than PostgreSQL 14. Pure."""
    if number < OLDEST_SERVER:
        raise TargetUnsuitable(
            f"the server is PostgreSQL {text}; the oldest supported is 14.",
            state=NOTHING_CHANGED,
            next_step="upgrade the server, or run plain `alembic` by the manual guide.",
        )


def of_database(url: str, name: str) -> str:
    """The URL of another database on the same server. A secret: never print it. Pure."""
    return str(url_from(url).set(database=name).render_as_string(hide_password=False))


def of_user(url: str, user: str) -> str:
    """The URL as another user, without a password. Pure."""
    return str(url_from(url).set(username=user, password=None).render_as_string())


def first(values: Sequence[tuple[Any, ...]]) -> Any:
    """The first column of the first row, or None."""
    return values[0][0] if values else None


def quoted(name: str) -> str:
    """A plain `table` or `schema.table` as SQL spells it. Pure."""
    schema, _, table = name.rpartition(".")
    return ".".join(quoted_name(part) for part in (schema, table) if part)


def quoted_name(name: str) -> str:
    """One name, dots and all, as SQL spells it. Pure."""
    return '"' + name.replace('"', '""') + '"'
