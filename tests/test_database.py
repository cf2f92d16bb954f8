"""Connections: which URLs are taken, who is refused, and what is said without a secret."""

from __future__ import annotations

import shutil
import socket
import string
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from servers import PASSWORD, Database
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from lexikon_runbook import catalog
from lexikon_runbook import database as db
from lexikon_runbook.database import Connection
from lexikon_runbook.errors import SettingsError, TargetUnreachable, TargetUnsuitable
from lexikon_runbook.settings import Target

AWKWARD = "%@/:?#'\" &=+é\\"
HERE = Target("here", servers.PROJECT, url_env="HERE_URL")


def at(url: str, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The target of that URL."""
    monkeypatch.setenv("HERE_URL", url)
    return HERE


def unreachable(target: Target) -> TargetUnreachable:
    """What connecting to it raises; nothing was changed, and no secret is in it."""
    with pytest.raises(TargetUnreachable) as stop:
        db.connect(target)
    assert stop.value.state == "nothing was changed."
    assert stop.value.__cause__ is None
    assert stop.value.__suppress_context__
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "hunter22"):
        assert secret not in str(stop.value)
    return stop.value


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"]
)
def test_every_spelling_of_the_scheme_means_psycopg2(scheme: str) -> None:
    """SQLAlchemy would take plain `postgresql` for another driver, or refuse `postgres`."""
    url = db.url_from(f"{scheme}://u:p@h:6543/d?sslmode=require")
    assert url.drivername == "postgresql+psycopg2"
    assert (url.username, url.host, url.port, url.database) == ("u", "h", 6543, "d")
    assert url.query == {"sslmode": "require"}


def test_an_awkward_password_arrives_whole_when_it_is_percent_encoded() -> None:
    """Every character that means something in a URL, quotes and spaces too."""
    assert db.url_from(f"postgres://u:{quote(AWKWARD, safe='')}@h/d").password == AWKWARD


def test_an_awkward_password_logs_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP, where the server asks for it, and as another spelling of the scheme."""
    for url in (database.tcp_url, database.tcp_url.replace("postgresql", "postgres", 1)):
        with closing(db.connect(at(url, monkeypatch))) as connection:
            assert db.identify(connection).database == database.name


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://u:hunter22@h/d", "it is for mysql, and these runbooks are for PostgreSQL"),
        ("mysql+pymysql://u:hunter22@h/d", "it is for mysql+pymysql"),
        ("sqlite:///hunter22.db", "it is for sqlite"),
        ("HUNTER22 hunter22://x", "it is for another scheme"),
        ("hunter22", "does not begin with postgresql://"),
        ("host=h password=hunter22", "does not begin with postgresql://"),
        ("postgresql:/u:hunter22@h/d", "does not begin with postgresql://"),
        ("postgresql://u:hunter22@h:port/d", "can't be taken apart"),
        ("postgresql://u:x@hunter22@h/d", "an @ or a / that is not percent-encoded"),
        ("postgresql://u:x?@hunter22@h/d", "an @ or a / that is not percent-encoded"),
        ("postgresql://u/x:hunter22@h/d", "an @ or a / that is not percent-encoded"),
        ("postgresql://u:hunter22@h:99999/d", "port is not between 1 and 65535"),
        ("postgresql://u:hunter22@h:0x1/d", "can't be taken apart"),
        ("postgresql://u:hunter22 @h/d", "white space or a NUL"),
        ("postgresql://u:hunter22%00@h/d", "white space or a NUL"),
        ("postgresql://u:hunter22@[::1/d", "can't be taken apart"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_and_never_repeated(url: str, why: str) -> None:
    """The answer is why, and how to write it; not a character of the URL's secret."""
    with pytest.raises(SettingsError) as stop:
        db.url_from(url)
    assert why in stop.value.happened
    assert "postgresql://USER:PASSWORD@HOST:5432/DATABASE" in stop.value.next_step
    assert "hunter22" not in str(stop.value)
    assert stop.value.__suppress_context__ or stop.value.__context__ is None


def test_ipv6_and_socket_addresses_are_understood(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[::1]` is a host; `?host=/folder` is the folder of a Unix socket."""
    assert db.url_from("postgresql://u@[::1]:5433/d").host == "::1"
    with closing(db.connect(at(database.url, monkeypatch))) as connection:
        identity = db.identify(connection)
    assert identity.host == "local socket"
    assert identity.where == f"database {database.name} on local socket"


def test_what_libpq_takes_after_the_question_mark_reaches_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sslmode`, `options` and the rest; only the application's name is ours."""
    url = f"{database.tcp_url}?sslmode=disable&options=-c%20work_mem%3D7MB&application_name=x"
    with closing(db.connect(at(url, monkeypatch))) as connection:
        assert db.first(db.rows(connection, "show work_mem")) == "7MB"
        assert db.first(db.rows(connection, "show application_name")) == "lexikon-runbook read"


def test_a_reading_connection_can_not_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read-only on the server, and has timeouts of its own."""
    with closing(db.connect(at(database.url, monkeypatch))) as connection:
        with pytest.raises(db.Error, match="read-only"):
            db.rows(connection, "create table t (id int)")
        assert db.first(db.rows(connection, "show statement_timeout")) == "1min"
        assert db.first(db.rows(connection, "show lock_timeout")) == "2s"
    with closing(db.connect(at(database.url, monkeypatch), "write")) as connection:
        assert db.rows(connection, "create table t (id int)") == []


def test_a_second_connection_beside_the_first_logs_in_as_it_did(database: Database) -> None:
    """The same database and user, with a password that needs care, and it can't write."""
    with (
        closing(db.connect_url(database.tcp_url)) as first,
        closing(db.beside(first)) as second,
    ):
        asked = "select current_user, current_database(), pg_backend_pid()"
        (one,), (two,) = db.rows(first, asked), db.rows(second, asked)
        assert one[:2] == two[:2]
        assert one[2] != two[2]
        with pytest.raises(db.Error, match="read-only"):
            db.rows(second, "create table t ()")


def test_one_database_has_one_key_however_it_was_reached(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By socket and by TCP it is the same; another database on that server is another."""
    other = database.server.create()
    keys = []
    for url in (database.url, database.tcp_url, other.url):
        with closing(db.connect(at(url, monkeypatch))) as connection:
            keys.append(db.identify(connection).key)
    other.drop()
    assert keys[0] == keys[1] != keys[2]


def replaced(url: str, **parts: str) -> str:
    """The URL with another `user`, `password`, `port` or `name`."""
    user, password = parts.get("user"), parts.get("password")
    head, _, tail = url.partition("://")[2].rpartition("@")
    old_user, _, old_password = head.partition(":")
    address, _, name = tail.partition("/")
    host, _, port = address.partition(":")
    return (
        f"postgresql://{user or old_user}:{password or old_password}"
        f"@{host}:{parts.get('port', port)}/{parts.get('name', name)}"
    )


def test_a_wrong_password_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice names where the URL comes from."""
    error = unreachable(at(replaced(database.tcp_url, password="hunter22"), monkeypatch))
    assert "wrong user or password: database" in error.happened
    assert error.next_step == "check both in the environment variable HERE_URL."


def test_a_missing_password_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq found none anywhere."""
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    url = database.tcp_url.replace(f":{quote(PASSWORD, safe='')}", "")
    error = unreachable(at(url, monkeypatch))
    assert "no password was given" in error.happened
    assert error.next_step == "add the password to the environment variable HERE_URL."


def test_a_missing_database_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step lists the databases there are."""
    error = unreachable(at(replaced(database.tcp_url, name="nowhere"), monkeypatch))
    assert "there is no such database: database nowhere on 127.0.0.1:" in error.happened
    assert "psql -l -h 127.0.0.1 -p" in error.next_step


def test_a_missing_role_is_called_that(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the socket, where the server says so; with a password it says no more than `wrong`."""
    url = database.url.replace("//postgres", "//nobody")
    error = unreachable(at(url, monkeypatch))
    assert "there is no such user" in error.happened
    assert "createuser -h " in error.next_step
    error = unreachable(at(replaced(database.tcp_url, user="nobody"), monkeypatch))
    assert "wrong user or password" in error.happened


def test_a_port_where_nobody_listens_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step is the command that asks again."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = str(free.getsockname()[1])
    error = unreachable(at(replaced(database.tcp_url, port=port), monkeypatch))
    assert "no PostgreSQL listens there" in error.happened
    assert error.next_step.endswith(f"pg_isready -h 127.0.0.1 -p {port}")
    error = unreachable(at(f"postgresql:///d?host=/nowhere&port={port}", monkeypatch))
    assert f"no PostgreSQL listens there: database d on /nowhere:{port}" in error.happened


def test_an_unknown_host_is_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Name or service not known` is not about a libpq service."""
    error = unreachable(at("postgresql://u:hunter22@nowhere.invalid/d", monkeypatch))
    assert "there is no such host: database d on nowhere.invalid:5432" in error.happened
    assert error.next_step == "correct the host in the environment variable HERE_URL."


def test_a_server_that_is_no_postgresql_is_a_failed_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Something answers, and hangs up: the general advice."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        error = unreachable(at(f"postgresql://u:hunter22@127.0.0.1:{port}/d", monkeypatch))
        thread.join()
    assert "the connection failed" in error.happened
    assert f"pg_isready -h 127.0.0.1 -p {port}" in error.next_step


@pytest.mark.parametrize(
    "query", ["ssl=require", "sslmode=perhaps", f"connect_timeout={quote(PASSWORD, safe='')}"]
)
def test_a_setting_that_libpq_does_not_know_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Other drivers have other keys; the password beside it is masked."""
    error = unreachable(at(f"{database.tcp_url}?{query}", monkeypatch))
    assert "libpq does not take that address" in error.happened
    assert "docs/targets.md" in error.next_step


def test_a_password_in_the_query_is_used_and_masked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`?password=` is libpq's other spelling."""
    plain = database.tcp_url.replace(f":{quote(PASSWORD, safe='')}", "")
    url = f"{plain}?password={quote(PASSWORD, safe='')}"
    db.connect(at(url, monkeypatch)).close()
    error = unreachable(at(f"{plain}?password=hunter22", monkeypatch))
    assert "wrong user or password" in error.happened
    assert HERE.mask(f"tried {plain}?password=hunter22") == f"tried {plain}?password=***"


class Pooler:
    """Stands between, as a pooler does: clients are told another backend's number."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self._to)
            for work, source, sink in (
                (self._forward, client, server),
                (self._answer, server, client),
            ):
                threading.Thread(target=work, args=(source, sink), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):  # when the server was the first to go
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with server, client, server.makefile("rb") as stream:
            while kind := stream.read(1):
                (length,) = struct.unpack("!i", stream.read(4))
                body = stream.read(length - 4)
                if kind == b"K":  # BackendKeyData: process number, cancel key
                    body = struct.pack("!i", 77) + body[4:]
                client.sendall(kind + struct.pack("!i", length) + body)

    def close(self) -> None:
        """Take no more clients."""
        self._listener.close()


@pytest.fixture
def pooled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection of ours through a pooler."""
    with closing(Pooler(int(database.server.arguments["port"]))) as pooler:
        # The pooler speaks no TLS.
        url = replaced(database.tcp_url, port=str(pooler.port)) + "?sslmode=disable"
        with closing(db.connect(at(url, monkeypatch))) as connection:
            yield connection


SETTINGS = "select name, setting from pg_settings where source = 'session' order by 1"


def settings_of(connection: Connection) -> list[tuple[Any, ...]]:
    """What the server's session has been set to, asked without a word of ours before it."""
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        return cursor.fetchall()


def test_reading_through_a_pooler_is_limited_and_leaves_nothing_behind(
    pooled: Connection, database: Database
) -> None:
    """Each query has its timeouts and can't write; the next client gets the session as it was."""
    before = settings_of(pooled)
    assert db.rows(pooled, "show statement_timeout") == [("1min",)]
    with pytest.raises(db.Error, match="read-only transaction"):
        db.rows(pooled, "create table t (id int)")
    database.execute("create table held (id int)")
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute("lock table held")
    with pytest.raises(db.Error, match="lock timeout"):
        db.rows(pooled, "select count(*) from held where id < %s", (1,))
    holder.rollback()
    assert db.rows(pooled, "select count(*) from held where id < %s", (1,)) == [(0,)]
    assert ("table", "public.held") in catalog.read(pooled).objects
    assert settings_of(pooled) == before


def test_a_second_connection_through_a_pooler_sets_nothing_either(pooled: Connection) -> None:
    """It would make another client's session read-only."""
    with closing(db.beside(pooled)) as other:
        assert settings_of(other) == settings_of(pooled)
        assert db.rows(other, "show transaction_read_only") == [("on",)]


def test_a_connection_through_a_pooler_is_refused(pooled: Connection) -> None:
    """For a change: locks and settings would leak to other clients."""
    with pytest.raises(TargetUnsuitable, match="through a connection pooler") as stop:
        db.require_suitable(pooled, db.identify(pooled))
    assert "the pooler's process number is 77" in stop.value.happened
    assert "usually port 5432 in place of 6432" in stop.value.next_step


@contextmanager
def standby() -> Iterator[str]:
    """The socket's folder of a new server that waits in recovery for a primary, for ever."""
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir="/tmp"))
    data, (binaries, user) = folder / "data", servers._initialised(folder)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(f"listen_addresses = ''\nunix_socket_directories = '{data}'\nfsync = off\n")
    (data / "standby.signal").touch()
    control = [str(binaries / "pg_ctl"), "-w", "-D", str(data)]
    try:
        servers._run([*control, "-l", str(data / "log"), "start"], user, folder)
        yield str(data)
    finally:
        servers._run([*control, "-m", "immediate", "stop"], user, folder)
        shutil.rmtree(folder)


def test_a_standby_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advisory locks succeed there, so only asking shows that nothing could be written."""
    with standby() as host:
        url = f"postgresql://postgres@/postgres?host={quote(host)}&port=5432"
        with closing(db.connect(at(url, monkeypatch))) as connection:
            identity = db.identify(connection)
            with pytest.raises(TargetUnsuitable, match="is a standby: it can't be written") as stop:
                db.require_suitable(connection, identity)
    assert str(identity).endswith(", standby)")
    assert "point the target at the primary" in stop.value.next_step


def test_a_server_that_is_too_old_is_refused() -> None:
    """14 is the oldest; the answer names the version that was found."""
    db.require_version(140000, "14.0")
    with pytest.raises(
        TargetUnsuitable, match=r"PostgreSQL 13\.16; the oldest supported is 14"
    ) as s:
        db.require_version(130016, "13.16")
    assert "upgrade the server" in s.value.next_step


PRINTABLE = st.text(string.printable, max_size=12)


@given(
    user=PRINTABLE,
    password=PRINTABLE,
    host=st.sampled_from(["h", "10.0.0.1", "[::1]", ""]),
    port=st.sampled_from(["", ":1", ":65535"]),
    name=PRINTABLE,
    query=st.dictionaries(st.sampled_from(["host", "sslmode", "port", "service"]), PRINTABLE),
    encoded=st.booleans(),
)
def test_our_own_connections_read_a_url_as_sqlalchemy_does(
    user: str,
    password: str,
    host: str,
    port: str,
    name: str,
    query: dict[str, str],
    encoded: bool,
) -> None:
    """env.py and the runbooks reach the same database by the same URL."""
    spelled = (lambda text: quote(text, safe="")) if encoded else str
    keys = "&".join(f"{key}={spelled(value)}" for key, value in query.items())
    url = f"postgresql://{spelled(user)}:{spelled(password)}@{host}{port}/{spelled(name)}?{keys}"
    try:
        ours = db.keywords(url)
    except SettingsError:
        return
    theirs = PGDialect_psycopg2().create_connect_args(db.url_from(url))[1]
    assert _given(ours) == _given(theirs)


def _given(keywords: dict[str, object]) -> dict[str, object]:
    """The keywords that say something: libpq takes an empty one as none."""
    return {key: value for key, value in keywords.items() if value != ""}
