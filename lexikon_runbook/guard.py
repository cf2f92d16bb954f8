"""The guard around the connections that a project's env.py opens.

Class-level SQLAlchemy events reach every engine, wherever its URL came from: each
connection is compared with the target before its first statement, gets the policy's
timeouts, is watched while it works, and is closed when env.py has run.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from . import statements
from .database import CONNECT_TIMEOUT_S, Identity
from .errors import NOTHING_CHANGED, RunbookError, TargetUnsuitable, WrongDatabase
from .settings import Target
from .watch import FailedStatement, Swallowed, Watch

ADMITTED = "lexikon-runbook admitted"
# These wait for other transactions without making anybody wait.
PATIENT = ("create index concurrently", "drop index concurrently", "reindex concurrently")
# After it the driver's next statements, and the version row, would be committed one by one.
ROLLBACK = re.compile(r"\s*(ROLLBACK|ABORT)\b(?!.*\b(TO|PREPARED)\b)", re.I | re.S)
# As database.IDENTITY, with the process number that the server knows the connection by.
REACHED = """
select current_database(),
       (select oid::bigint from pg_database where datname = current_database()),
       coalesce(inet_server_port()::text, current_setting('port')),
       case when has_function_privilege('pg_control_system()', 'execute')
            then (select system_identifier::text from pg_control_system()) else '' end,
       extract(epoch from pg_postmaster_start_time())::text,
       coalesce(host(inet_server_addr()), 'local socket'),
       pg_backend_pid()
"""


@dataclass(frozen=True)
class Limits:
    """The timeouts that every connection of env.py gets, in seconds; 0 is none."""

    lock_timeout_s: float
    statement_timeout_s: float
    read_only: bool = False
    application: str = "lexikon-runbook read"

    @property
    def settings(self) -> dict[str, str]:
        """The server settings that carry them.

        `client_connection_check_interval` ends a statement whose client was killed.
        """
        return {
            "lock_timeout": _milliseconds(self.lock_timeout_s),
            "statement_timeout": _milliseconds(self.statement_timeout_s),
            "default_transaction_read_only": "on" if self.read_only else "off",
            "application_name": self.application,
            "client_connection_check_interval": "1000",
        }


READING = Limits(lock_timeout_s=2.0, statement_timeout_s=60.0, read_only=True)


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)) if seconds else 0)


@contextlib.contextmanager
def guarded(target: Target, identity: Identity, limits: Limits, watch: Watch) -> Iterator[None]:
    """Hold the class-level events for the time of one run of env.py; then close its connections."""
    guard = _Guard(target, identity, limits, watch)
    listeners: list[tuple[type, str, Callable[..., Any]]] = [
        (Engine, "do_connect", guard.reaching),
        (Pool, "connect", guard.admit),
        (Pool, "checkout", guard.admit),
        (Engine, "before_cursor_execute", guard.before),
        (Engine, "after_cursor_execute", guard.after),
        (Engine, "handle_error", guard.failed),
        (Engine, "commit", guard.committing),
        (Engine, "begin", guard.began),
    ]
    for to, name, listener in listeners:
        event.listen(to, name, listener)
    try:
        yield
    finally:
        for to, name, listener in listeners:
            event.remove(to, name, listener)
        guard.close_all()


class _Guard:
    """The listeners. A class-level one runs before those that env.py adds itself."""

    def __init__(self, target: Target, identity: Identity, limits: Limits, watch: Watch) -> None:
        self.target, self.identity, self.limits, self.watch = target, identity, limits, watch
        self.admitted: list[Any] = []

    def reaching(self, dialect: Any, _record: Any, _arguments: Any, keywords: Any) -> None:
        """Refuse other products; note where env.py connects to. Opens nothing itself."""
        if dialect.name != "postgresql":
            self._refuse(self._wrong(f"a {dialect.name} database"))
        host, port = keywords.get("host") or "local socket", keywords.get("port") or 5432
        database = keywords.get("dbname") or keywords.get("database") or ""
        self.watch.reaching = f"{host}:{port}/{database}"
        if dialect.driver in ("psycopg2", "psycopg"):
            keywords.setdefault("connect_timeout", CONNECT_TIMEOUT_S)

    def admit(self, connection: Any, record: Any, *_proxy: Any) -> None:
        """Compare a connection with the target, then give it the policy's settings. Once."""
        if record.info.get(ADMITTED, (None, 0))[0] is self:
            return
        cursor = connection.cursor()
        try:
            pid = self._compared(connection, cursor)
            for setting, value in self.limits.settings.items():
                cursor.execute(f"SET {setting} = '{value}'")
            cursor.close()
            connection.commit()
        except BaseException:
            connection.close()
            raise
        record.info[ADMITTED] = (self, pid)
        self.admitted.append(record)
        self.watch.backend_pid = pid

    def _compared(self, connection: Any, cursor: Any) -> int:
        cursor.execute(REACHED)
        name, oid, port, system, started, host, pid = cursor.fetchone()
        known = self.identity
        same = (name, oid, port, started) == (
            *(known.database, known.database_oid, known.port),
            known.started,
        )
        # One of the two roles may not be allowed to see the system's number.
        if not same or (system and known.system_identifier not in ("", system)):
            copy = "" if started == known.started else ", which was started at another time"
            self._refuse(self._wrong(f"database {name} on {host}:{port}{copy}"))
        if _told(connection) not in (pid, None):
            self._refuse(_pooled(self.target))
        return int(pid)

    def _refuse(self, refusal: RunbookError) -> NoReturn:
        self.watch.refusal = refusal
        raise refusal

    def _wrong(self, other: str) -> WrongDatabase:
        name = self.target.name
        return WrongDatabase(
            f"env.py of {self.target.alembic_ini} connects to {other}, and target {name} is "
            f"database {self.identity.database} on {self.identity.host}:{self.identity.port}.",
            state="no statement of a revision ran on either database.",
            next_step="let env.py read the URL from this target: name the variable or the ini key "
            f'it reads in runbook.toml, [targets.{name}] env_py_variable = "NAME" or '
            'env_py_option = "KEY".',
        )

    def close_all(self) -> None:
        """Close what is open still, or in a pool: env.py may import an engine that lives on."""
        for record in self.admitted:
            with contextlib.suppress(Exception):
                record.invalidate()

    def before(self, own: Any, cursor: Any, statement: str, *_: Any) -> None:
        """A statement begins."""
        self.watch.go_on()
        if ROLLBACK.match(statement):
            raise Swallowed
        self.watch.backend_pid = own.info.get(ADMITTED, (None, self.watch.backend_pid))[1]
        if waits_alone(statement):
            cursor.execute("SET lock_timeout = 0")
        self.watch.statement_began, self.watch.statement = time.monotonic(), statement

    def after(self, _own: Any, cursor: Any, statement: str, *_: Any) -> None:
        """A statement ended well."""
        self.watch.note(statement, time.monotonic() - self.watch.statement_began)
        self._limit_again(cursor, statement)

    def failed(self, context: Any) -> None:
        """A statement, or a COMMIT, failed."""
        if context.connection is None or not isinstance(context.original_exception, Exception):
            return
        self.watch.failures.append(_failure(context, self.watch))
        self.watch.lost = self.watch.lost or context.is_disconnect
        # In an aborted transaction the server itself takes the setting back.
        with contextlib.suppress(Exception):
            cursor = context.connection.connection.cursor()
            self._limit_again(cursor, context.statement or "")
            cursor.close()

    def _limit_again(self, cursor: Any, statement: str) -> None:
        if waits_alone(statement):
            cursor.execute(f"SET lock_timeout = {self.limits.settings['lock_timeout']}")

    def committing(self, _connection: Any) -> None:
        """COMMIT is about to be sent."""
        self.watch.go_on()
        self.watch.committing, self.watch.statement = True, ""

    def began(self, _connection: Any) -> None:
        """A transaction began."""
        self.watch.committing = False


def _told(connection: Any) -> int | None:
    """The process number that the driver was given on connecting; None where it does not say."""
    driver = getattr(connection, "driver_connection", connection)  # asyncpg's is wrapped
    if hasattr(driver, "get_server_pid"):
        return int(driver.get_server_pid())
    return getattr(getattr(driver, "info", None), "backend_pid", None)


def waits_alone(sql: str) -> bool:
    """Whether every statement of a text works on an index CONCURRENTLY. Pure."""
    if "concurrently" not in sql.lower():
        return False
    found = statements.read_all([sql])
    return bool(found) and all(
        # Of a whole schema or database the reader knows no more than the verb.
        s.verb in PATIENT or (s.verb == "reindex" and s.says("CONCURRENTLY"))
        for s in found
    )


def _failure(context: Any, watch: Watch) -> FailedStatement:
    original = context.original_exception
    said = getattr(getattr(original, "diag", None), "message_primary", None)
    wrapped = getattr(
        original.__cause__, "message", None
    )  # SQLAlchemy 2.0 puts asyncpg's in its own
    message = said or wrapped or _first_line(original)
    sqlstate = getattr(original, "pgcode", None) or getattr(original, "sqlstate", None) or ""
    nested = context.connection.in_nested_transaction()
    sql = context.statement or watch.statement or ("COMMIT" if watch.committing else "")
    return FailedStatement(sql, sqlstate, message, nested)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _pooled(target: Target) -> TargetUnsuitable:
    return TargetUnsuitable(
        f"env.py of {target.alembic_ini} connects to the database of target {target.name} through "
        "a connection pooler; locks and settings would leak to others.",
        state=NOTHING_CHANGED,
        next_step="let env.py connect to PostgreSQL itself, usually port 5432 in place of 6432.",
    )
