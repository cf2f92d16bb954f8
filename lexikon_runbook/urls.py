"""A PostgreSQL URL as text: taken apart, and refused without echoing it. Pure.

SQLAlchemy is imported only where a URL of its own is asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from .errors import NOTHING_CHANGED, SettingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

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


def _of_several_hosts(text: str) -> dict[str, Any]:
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
    from sqlalchemy.exc import ArgumentError

    dialect = PGDialect_psycopg2()  # type: ignore[no-untyped-call]
    try:
        return dict(dialect.create_connect_args(url_from(text))[1])  # type: ignore[no-untyped-call]
    except ArgumentError:
        raise _malformed("its hosts and ports can't be told apart") from None


def of_database(url: str, name: str) -> str:
    """The URL of another database on the same server. A secret: never print it. Pure."""
    return str(url_from(url).set(database=name).render_as_string(hide_password=False))


def of_user(url: str, user: str) -> str:
    """The URL as another user, without a password. Pure."""
    return str(url_from(url).set(username=user, password=None).render_as_string())
