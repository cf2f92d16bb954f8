"""The connections that env.py opens: admitted, given their settings, each statement said first.

Class-level SQLAlchemy events reach every engine, wherever its URL came from.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from . import beside, drivers, reading, sent, told
from .reading import READ_ONLY, said
from .trace import Trace
from .wire import Wire

KNOWN, PID = "lexikon-runbook admitted", "lexikon-runbook pid"
PLACE = "lexikon-runbook place"
# env.py, or its driver, may have made the transaction or the session one that writes.
AGAIN_READ_ONLY = {
    True: "SET TRANSACTION READ ONLY",
    False: "SET default_transaction_read_only = on",
}
# What ends, or would not outlive, the transaction of env.py that it was said in.
SCOPED = re.compile(
    r"\bSET\s+LOCAL\b|set_config\s*\(.*true|_xact_lock|ON\s+COMMIT|\bDECLARE\b", re.I | re.S
)
CONTROL = re.compile(
    r"\s*(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE|SET|SHOW)\b", re.I
)
IDENTITY = """
select current_database(),
       (select oid::bigint from pg_database where datname = current_database()),
       coalesce(inet_server_port()::text, current_setting('port')),
       case when has_function_privilege('pg_control_system()', 'execute')
            then (select system_identifier::text from pg_control_system()) else '' end,
       extract(epoch from pg_postmaster_start_time())::text,
       coalesce(host(inet_server_addr()), 'local socket'),
       pg_backend_pid()
"""


class Connections:
    """The listeners, and what they know of the request under way.

    `asking`: whether each statement and COMMIT waits for its "go", or is only told. `looking`:
    a statement that the server refuses in a read-only transaction is told, undone, and taken for
    done. `of_env_py`: no revision has begun yet. `scoped`: env.py has said something that would
    not outlive its transaction. `opening`: SQLAlchemy is connecting to the database just now. A
    database `beside` the target's is held read-only, and nothing that goes on there is said.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.settings: dict[str, str] = {}
        self.asking = self.looking = self.scoped = self.undone = self.opening = False
        self.of_env_py = True
        self.reached = ""
        self.began = 0.0
        self.after: list[str] = []
        self.round = 0
        self.records: list[Any] = []
        self.trace: Trace | None = None
        self.version_table: Any = None
        self.may_read = self.reads = False

    def install(self) -> None:
        """Listen from now on. A class-level listener runs before those that env.py adds."""
        listeners = (
            (Engine, "do_connect", self.connecting),
            (Pool, "connect", self.admit),
            (Pool, "checkout", self.admit),
            (Engine, "before_cursor_execute", self.before_statement),
            (Engine, "after_cursor_execute", self.after_statement),
            (Engine, "do_execute", self.execute),
            (Engine, "do_execute_no_params", self.execute_without),
            (Engine, "handle_error", self.failed),
            (Engine, "commit", self.commit),
        )
        for of, name, listener in listeners:
            event.listen(of, name, listener)

    def begin(self, settings: Mapping[str, str], *, asking: bool, looking: bool) -> None:
        """A request begins: every connection is admitted anew, with these settings."""
        self.settings, self.asking, self.looking = dict(settings), asking, looking
        self.undone = self.opening = self.may_read = self.reads = False
        self.of_env_py, self.scoped = True, False
        self.round += 1

    def close(self) -> None:
        """Close what is open still, or in a pool: a module may keep an engine that lives on."""
        for record in self.records:
            with contextlib.suppress(Exception):
                record.invalidate()
        del self.records[:]

    def connecting(self, dialect: Any, record: Any, _arguments: Any, given: Any) -> None:
        """Ask whether this place may be connected to."""
        place = {name: given.get(name) for name in ("host", "port", "dbname", "database")}
        self.reached = "{}:{}/{}".format(
            place["host"] or "local socket",
            place["port"] or 5432,
            place["dbname"] or place["database"] or "",
        )
        if record is not None:
            record.info[PLACE] = [str(place["host"] or ""), str(place["port"] or 5432)]
        self.wire.ask("connecting", dialect=dialect.name, driver=dialect.driver, place=self.reached)
        if dialect.driver in ("psycopg2", "psycopg"):
            given.setdefault("connect_timeout", 10)
        self.opening = True

    def admit(self, connection: Any, record: Any, *_proxy: Any) -> None:
        """Ask whether this database is meant, then give the session its settings. Once a request.

        Asked and set on the driver's connection, where SQLAlchemy sees no transaction begin.
        """
        self.opening = False
        if record.info.get(KNOWN) == self.round:
            return
        cursor = connection.cursor()
        try:
            cursor.execute(IDENTITY)
            row = list(cursor.fetchone())
            place = record.info.get(PLACE)
            answer = self.wire.ask(
                "admit", row=row, place=place, told=drivers.process_number(connection)
            )
            other = bool(answer.get("beside"))
            if settings := beside.SETTINGS if other else self.settings:
                cursor.execute(f"select 1{_columns(settings)}")
            cursor.close()
            connection.commit()
        except BaseException:
            connection.close()
            raise
        record.info[KNOWN], record.info[beside.MARK] = self.round, other
        record.info[PID] = 0 if other else row[-1]
        self.records.append(record)

    def set_again(self, cursor: Any, settings: Mapping[str, str]) -> str:
        """Give a session its settings again, over env.py's own; the number of its transaction."""
        self.settings = dict(settings)
        cursor.execute(f"select pg_current_xact_id()::text{_columns(settings)}")
        return str(cursor.fetchone()[0])

    def before_statement(
        self, own: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        """Say the statement, and wait for its "go" where the request is of that kind.

        While a revision is traced, and where the other side wants it, one that may only read
        can do nothing else.
        """
        self.may_read = self.reads = False
        if beside.of(own):
            return
        self.began = time.monotonic()
        if self.of_env_py and SCOPED.search(statement):
            self.scoped = True
        fields = {
            "sql": statement,
            "pid": own.info.get(PID, 0),
            "of_env_py": self.of_env_py,
        }
        if not self.of_env_py and (self.asking or self.trace):
            fields.update(sent.told(statement, parameters, many))
            fields["of_alembic"] = self._of_alembic(context)
            fields["may_read"] = reading.may_be(statement)
        self.may_read = bool(self.trace) and not self.of_env_py and reading.may_be(statement)
        if not self.asking:
            self.wire.say("statement", **fields)
            return
        answer = self.wire.ask("statement", **fields)
        self.may_read = self.may_read or bool(answer.get("read_only"))
        for sql in answer.get("before", ()):
            cursor.execute(sql)
        self.after = list(answer.get("after", ()))

    def after_statement(self, own: Any, cursor: Any, _statement: str, *_: Any) -> None:
        """Say that it ended well."""
        if beside.of(own):
            return
        took = round(time.monotonic() - self.began, 6)
        self._finish(cursor)
        traced: dict[str, Any] = {}
        if self.trace and not self.of_env_py:
            traced = {"reads": self.reads, "alone": drivers.autocommit(own)}
            traced.update(self.trace.since(own.connection))
        self.wire.say("sent", s=took, rows=drivers.row_count(cursor), **traced)

    def _finish(self, cursor: Any) -> None:
        after, self.after = self.after, []
        for sql in after:
            cursor.execute(sql)

    def execute(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
        """Run it ourselves where the request only looks; True: SQLAlchemy is not to run it."""
        return self._look(
            cursor,
            context,
            statement,
            lambda: context.dialect.do_execute(cursor, statement, parameters, context),
        )

    def execute_without(self, cursor: Any, statement: str, context: Any) -> bool | None:
        """The same for a statement without parameters."""
        return self._look(
            cursor,
            context,
            statement,
            lambda: context.dialect.do_execute_no_params(cursor, statement, context),
        )

    def _look(self, cursor: Any, context: Any, statement: str, run: Any) -> bool | None:
        """Run a statement of env.py in a savepoint; undo and tell it where it wants to write."""
        if beside.of(context.root_connection):
            said(context.root_connection.connection.cursor(), beside.STILL_READ_ONLY)
            return None
        if self.may_read:
            return self._read(context, statement, run)
        if not self.looking or CONTROL.match(statement):
            return None
        other = context.root_connection.connection.cursor()
        try:
            nested = said(other, "SAVEPOINT lexikon_runbook")
            other.execute(AGAIN_READ_ONLY[nested])
            try:
                run()
            except Exception as error:
                if told.sqlstate(error) != READ_ONLY:
                    raise
                if nested:
                    other.execute("ROLLBACK TO SAVEPOINT lexikon_runbook")
                self.undone = True
                self.wire.say("writes", sql=statement)
            return True
        finally:
            other.close()

    def _read(self, context: Any, statement: str, run: Any) -> bool | None:
        """Run a statement that may only read as one that can do nothing else."""
        ran = reading.tried(context.root_connection.connection, run)
        self.reads = bool(ran)
        if ran is False and not self.trace:
            self.wire.ask("writes", sql=statement)
        return True if ran else None

    def _of_alembic(self, context: Any) -> bool:
        """Whether it is Alembic itself that writes its version row."""
        written = getattr(getattr(context, "compiled", None), "statement", None)
        return self.version_table is not None and (
            getattr(written, "table", None) is self.version_table
        )

    def failed(self, context: Any) -> None:
        """Say which statement failed, and what the server said of it."""
        self.opening = False
        error = context.original_exception
        own = context.connection
        if own is None or not isinstance(error, Exception) or beside.of(own):
            return
        self.wire.say(
            "failed",
            sql=context.statement or "",
            sqlstate=told.sqlstate(error),
            lost=bool(context.is_disconnect),
            nested=bool(context.connection.in_nested_transaction()),
            **told.server_said(error),
        )
        # In an aborted transaction the server itself takes a setting back.
        with contextlib.suppress(Exception):
            cursor = context.connection.connection.cursor()
            self._finish(cursor)
            cursor.close()

    def commit(self, own: Any) -> None:
        """COMMIT is about to be sent."""
        if beside.of(own):
            return
        if self.asking:
            self.wire.ask("commit", pid=own.info.get(PID, 0))
        else:
            self.wire.say("commit", pid=own.info.get(PID, 0))


def _columns(settings: Mapping[str, str]) -> str:
    """The settings as further columns of one query: one round trip for all."""
    return "".join(
        ", set_config('{}', '{}', false)".format(name, value.replace("'", "''"))
        for name, value in settings.items()
    )
