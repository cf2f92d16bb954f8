"""A PostgreSQL URL as a value: read from a text, and written for libpq and for env.py. Pure.

No error repeats any part of a URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, unquote

from . import drivers, hosts
from .drivers import Options

SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?")
# SQLAlchemy's grammar of a URL, with libpq's several hosts; property tests hold it to both.
PARTS = re.compile(
    r"(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?(?P<places>[^/?]*)"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)
SOCKET_FILE = re.compile(r"(?P<folder>/.*)/\.s\.PGSQL\.(?P<port>[0-9]+)/?")
SAID_ELSEWHERE = ("host", "port", "user", "password", "dbname", "database", "unix_sock")
IN_AUTHORITY = re.compile(r"[\w.:%-]*")
DEFAULT_PORT = "5432"
# What has a meaning where it stands, for one or another of those who read URLs.
IN_USER, IN_PASSWORD, IN_DATABASE, IN_QUERY = "%:/@?#[]", "%/@?#[]", "%@?#", "%@&#+"


@dataclass(frozen=True)
class Address:
    """Where a database is, and as whom, in libpq's words.

    `host` may be the folder of a Unix socket; `host` and `port` may be lists with commas.
    `options` are what else follows the question mark. Holds a secret: never print it.
    """

    host: str = ""
    port: str = ""
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    options: Options = field(default=(), repr=False)
    scheme: str = "postgresql"

    @property
    def dsn(self) -> tuple[str, str, str]:
        """What a driver is asked to connect to."""
        return self.host, self.port, self.database

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Each host and its port, in their order; "" where libpq takes its default."""
        hosts, ports = self.host.split(","), self.port.split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        return tuple(zip(hosts, ports, strict=True))

    @property
    def driver(self) -> str:
        """The driver that the URL names; "" for none."""
        return self.scheme.partition("+")[2]

    @property
    def keywords(self) -> dict[str, str]:
        """What libpq connects with. What only another driver knows is left out."""
        named = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
        }
        given = {key: value for key, value in named.items() if value}
        return {**given, **dict(drivers.for_libpq(self.driver, self.options))}

    def url(self, scheme: str = "") -> str:
        """The URL, for the driver of `scheme` where one is given.

        Without a percent sign where none is needed: ini files choke on it. Every SQLAlchemy
        reads it, and libpq unless an option's value holds a `=`.
        """
        scheme = scheme or self.scheme
        driver = scheme.partition("+")[2]
        secret = f":{spelled(self.password)}" if self.password else ""
        who = f"{_spelled(self.user, IN_USER)}{secret}"
        where, placed = self._written_places(driver)
        options = (*placed, *drivers.handed_over(self.driver, driver, self.options))
        query = "&".join(
            f"{_spelled(key, IN_QUERY + '=')}={_spelled(value, IN_QUERY)}" for key, value in options
        )
        name = _spelled(self.database, IN_DATABASE)
        at, mark = "@" if who else "", "?" if query else ""
        return f"{_normal(scheme)}://{who}{at}{where}/{name}{mark}{query}"

    def _written_places(self, driver: str) -> tuple[str, Options]:
        """The host and the port: before the name of the database, or behind the question mark."""
        if IN_AUTHORITY.fullmatch(self.host):
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{host}:{self.port}" if self.port else host, ()
        if driver == "pg8000" and self.host.startswith("/"):
            return "", (("unix_sock", f"{self.host}/.s.PGSQL.{self.port or DEFAULT_PORT}"),)
        ports = self.port
        if "," in self.host and ports:  # SQLAlchemy wants one for each
            ports = ",".join(port or DEFAULT_PORT for _, port in self.places)
        return "", (("host", self.host), *((("port", ports),) if ports else ()))


def address(text: str) -> Address:
    """What a URL says.

    Accepts `postgres://`, `postgresql://`, the spellings with a driver, several hosts as libpq
    and as SQLAlchemy write them. Raises SettingsError, without echoing the text, for all else.
    """
    parts = _parts(text)
    query = parse_qsl(parts["query"])
    given = dict(query)
    if socket := SOCKET_FILE.fullmatch(given.pop("unix_sock", "")):
        query += [("host", socket["folder"]), ("port", socket["port"])]
    found, ports = hosts.places(
        parts["places"],
        [value for key, value in query if key == "host"],
        [value for key, value in query if key == "port"],
    )
    database = given.get("dbname") or given.get("database") or unquote(parts["database"])
    return Address(
        host=",".join(found),
        port=",".join(ports) if any(ports) else "",
        database=database,
        user=given.get("user") or unquote(parts["user"]),
        password=given.get("password") or unquote(parts["password"]),
        options=tuple((key, value) for key, value in query if key not in SAID_ELSEWHERE),
        scheme=parts["scheme"],
    )


def scheme(text: str) -> str:
    """The scheme of a URL as SQLAlchemy names it; "" when it is not for PostgreSQL."""
    word, separator, _ = text.partition("://")
    return _normal(word) if separator and SCHEME.fullmatch(word) else ""


def _normal(scheme: str) -> str:
    return re.sub(r"postgres(?:ql)?", "postgresql", scheme, count=1, flags=re.I)


def _parts(text: str) -> dict[str, str]:
    """The parts of a URL as they are written, "" for one that is not there; see `address`."""
    word, separator, rest = text.partition("://")
    if not separator:
        raise hosts.malformed("it does not begin with postgresql://")
    if not scheme(text):
        word = word if re.fullmatch(r"[a-z0-9+]{1,20}", word) else "another scheme"
        raise hosts.malformed(f"it is for {word}, and these runbooks are for PostgreSQL")
    if re.search(r"\s|\x00|%00", text):
        raise hosts.malformed("it holds white space or a NUL; write a space %20 and leave NUL out")
    match = PARTS.fullmatch(rest)
    if match is None:
        raise hosts.apart()
    parts = match.groupdict(default="")
    if "@" in unquote(parts["places"] + parts["database"]):
        raise hosts.malformed("its user or password has an @ or a / that is not percent-encoded")
    return {**parts, "scheme": scheme(text)}


def spelled(password: str) -> str:
    """A password as a URL of ours spells it."""
    return _spelled(password, IN_PASSWORD)


def _spelled(text: str, meaning: str) -> str:
    def plain(sign: str) -> bool:
        return sign.isalnum() or ("!" <= sign <= "~" and sign not in meaning)

    return "".join(s if plain(s) else quote(s, safe="", errors="surrogateescape") for s in text)


def of_database(url: str, name: str) -> str:
    """The URL of another database on the same server. A secret: never print it."""
    return replace(address(url), database=name).url()


def of_user(url: str, user: str) -> str:
    """The URL as another user, without a password."""
    return replace(address(url), user=user, password="").url()


def for_env_py(text: str, *others: str) -> str:
    """The URL that env.py gets: as it is written, with a driver. A secret: never print it.

    The driver is its own, else that of the first of `others` (URLs) that names one. Several
    hosts are spelled as every SQLAlchemy reads them.
    """
    known = address(text)
    named = (known.scheme, *(scheme(each) for each in others))
    wanted = next((each for each in named if "+" in each), "postgresql")
    if "," in known.host or "%" in _parts(text)["places"]:
        return known.url(wanted)
    return f"{wanted}://{text.partition('://')[2]}"
