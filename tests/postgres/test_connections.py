"""Connections: who is reached, who is refused, and what is said without a secret."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

import pytest
import servers
from servers import PASSWORD, Database
from sqlalchemy import create_engine

from lexikon_runbook.errors import TargetUnreachable, TargetUnsuitable
from lexikon_runbook.postgres import catalog
from lexikon_runbook.postgres import connections as db
from lexikon_runbook.postgres.connections import Connection
from lexikon_runbook.targets import urls
from lexikon_runbook.targets.settings import Target

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


def test_an_awkward_password_logs_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP, where the server asks for it, and as another spelling of the scheme."""
    for url in (database.tcp_url, database.tcp_url.replace("postgresql", "postgres", 1)):
        with closing(db.connect(at(url, monkeypatch))) as connection:
            assert db.identify(connection).database == database.name


def test_a_socket_s_folder_is_a_place(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """`?host=/folder` is the folder of a Unix socket; nobody needs its path."""
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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://{who}@{dead},{alive}/{name}?target_session_attrs=read-write",
        "postgresql+psycopg2://{who}@/{name}?host={dead}&host={alive}",
        "postgresql+asyncpg://{who}@{dead},{alive}/{name}",
    ],
)
def test_of_several_hosts_the_one_that_is_alive_is_reached(
    database: Database, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """As libpq writes them and as SQLAlchemy does; env.py's URL leads there, too."""
    who, _, tail = database.tcp_url.partition("://")[2].rpartition("@")
    alive, _, name = tail.partition("/")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        dead = f"127.0.0.1:{free.getsockname()[1]}"
    target = at(url.format(who=who, dead=dead, alive=alive, name=name), monkeypatch)
    with closing(db.connect(target)) as connection:
        identity = db.identify(connection)
    assert (identity.database, identity.port) == (database.name, alive.partition(":")[2])
    engine = create_engine(urls.for_env_py(target.url(), "postgresql+psycopg2://"))
    if not engine.dialect.is_async:
        with engine.connect() as connected:
            assert connected.exec_driver_sql("select current_database()").scalar() == database.name
    engine.dispose()


def test_when_no_host_answers_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that asks each of them again."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    error = unreachable(at(f"postgresql://u@127.0.0.1:{port},[::1]:{port}/d", monkeypatch))
    assert f"database d on 127.0.0.1:{port}, ::1:{port}." in error.happened
    assert error.next_step.endswith(f"pg_isready -h 127.0.0.1,::1 -p {port},{port}")


def test_a_host_of_the_wrong_kind_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All hosts answer, and none of them is a standby."""
    error = unreachable(at(f"{database.tcp_url}?target_session_attrs=standby", monkeypatch))
    assert "no server there is the kind that target_session_attrs asks for" in error.happened
    assert "target_session_attrs" in error.next_step


def test_what_only_another_driver_knows_is_not_handed_to_libpq(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Projects on asyncpg and pg8000 have URLs that libpq alone would refuse."""
    keys = "prepared_statement_cache_size=0&ssl=prefer&async_fallback=true&whatever=1"
    url = database.tcp_url.replace("postgresql", "postgresql+asyncpg", 1)
    with closing(db.connect(at(f"{url}?{keys}", monkeypatch))) as connection:
        assert connection.info.dsn_parameters["sslmode"] == "prefer"


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
    "query", ["sslmod=require", "sslmode=perhaps", f"connect_timeout={quote(PASSWORD, safe='')}"]
)
def test_a_setting_that_libpq_does_not_know_is_called_that(
    database: Database, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """A misspelt `sslmode` must not be passed over; the password beside it is masked."""
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


def test_a_standby_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advisory locks succeed there, so only asking shows that nothing could be written."""
    with servers.standby() as host:
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
