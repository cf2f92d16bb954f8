"""One try at one revision: Alembic in a thread, watched from a second connection.

Writes what the revision writes, in its own transaction.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError

from . import activity, catalog, database, environment
from .errors import PlanChanged
from .following import follow
from .guard import Limits
from .policy import Policy
from .preflight import Preflight
from .runner import APPLYING, Reporter
from .step import Step
from .watch import FailedStatement, Swallowed, Watch

LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"
IN_FAILED_TRANSACTION = "25P02"


@dataclass(frozen=True)
class Attempt:
    """How one try went. `error` is None when the revision ran to its end.

    `lost` means that the connection died: only reading can tell what became of it.
    `transaction` is the number of the revision's first transaction, `own` the statements
    that ended well since it began.
    """

    duration_s: float
    waited_s: float
    statements: tuple[tuple[str, float], ...]
    blockers: tuple[activity.Session, ...] = ()
    waited_for: str = ""
    failures: tuple[FailedStatement, ...] = ()
    error: BaseException | None = field(default=None, repr=False)
    backend_pid: int = 0
    during_commit: bool = False
    lost: bool = False
    transaction: str = ""
    own: tuple[str, ...] = ()

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """Who was in the way, in words, the roots first."""
        return tuple(map(str, self.blockers))

    @property
    def interrupted(self) -> bool:
        """Whether a person stopped it."""
        return isinstance(self.error, KeyboardInterrupt)

    @property
    def gave_way(self) -> bool:
        """Whether it ended in a lock timeout or a deadlock, and may be tried again."""
        failure = self.failure
        return failure is not None and failure.sqlstate in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)

    @property
    def failure(self) -> FailedStatement | None:
        """The statement that ended the try: the first to fail, where its error was swallowed."""
        if self.error is None:
            return None
        own = isinstance(self.error, DBAPIError | database.Error)
        if own and self.failures and self.failures[-1].sqlstate != IN_FAILED_TRANSACTION:
            return self.failures[-1]
        return next((f for f in self.failures if not f.in_savepoint), None)


def run(found: Preflight, step: Step, policy: Policy, report: Reporter) -> Attempt:
    """Try the revision once. Never raises for a failing revision: the Attempt holds the error.

    On KeyboardInterrupt, too: the running statement was cancelled, and its end awaited.
    """
    watch = Watch()
    limits = Limits(policy.lock_timeout_s, policy.statement_timeout_s, application=APPLYING)
    migrations = _only(found, step, watch)

    def work() -> None:
        environment.execute(found.target, found.identity, migrations, limits, watch)

    return _followed(found, work, watch, policy.lock_timeout_s, report)


def drop_index(
    found: Preflight, index: catalog.InvalidIndex, limits: Limits, report: Reporter
) -> Attempt:
    """Drop one index CONCURRENTLY. Writes; the Attempt holds the error where it failed.

    With a lock timeout of 0 it waits, and nobody behind it, as long as a statement may run.
    """
    watch = Watch()

    def work() -> None:
        with contextlib.closing(database.connect(found.target, "write")) as connection:
            for name, value in limits.settings.items():
                database.rows(connection, f"SET {name} = '{value}'")
            watch.backend_pid = connection.info.backend_pid
            name = database.quoted(f"{index.schema}.{index.name}")
            sql = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
            watch.statement_began, watch.statement = time.monotonic(), sql
            try:
                database.rows(connection, sql)
            except database.Error as error:
                message = error.diag.message_primary or "the connection died"
                watch.failures.append(FailedStatement(sql, error.pgcode or "", message, False))
                raise

    return _followed(found, work, watch, limits.lock_timeout_s or 1.0, report)


def _followed(
    found: Preflight,
    work: Callable[[], None],
    watch: Watch,
    lock_timeout_s: float,
    report: Reporter,
) -> Attempt:
    began = time.monotonic()
    waits, error = follow(found.target, work, watch, lock_timeout_s, report)
    timed_out = any(failure.sqlstate == LOCK_NOT_AVAILABLE for failure in watch.failures)
    return Attempt(
        duration_s=time.monotonic() - began,
        waited_s=max(waits.longest_s, lock_timeout_s if timed_out else 0.0),
        statements=tuple(watch.finished),
        blockers=waits.blockers,
        waited_for=waits.waited_for,
        failures=tuple(watch.failures),
        error=error,
        backend_pid=watch.backend_pid,
        during_commit=watch.committing,
        lost=error is not None and watch.lost,
        transaction=watch.transaction,
        own=tuple(sql for sql, _ in watch.finished[watch.before :]),
    )


def _only(found: Preflight, step: Step, watch: Watch) -> environment.Migrations:
    """What env.py is to run: exactly this revision, or nothing."""

    def migrations(heads: Any, context: Any) -> list[Any]:
        rows = frozenset((heads,) if isinstance(heads, str) else heads or ())
        if rows != step.before:
            raise PlanChanged(
                f"the database moved to {', '.join(sorted(rows)) or 'base'} while the plan ran.",
                state=f"{step.revision.id} was not begun.",
                next_step="run again from the top: the plan will be made anew.",
            )
        transaction = _asked(context, "select pg_current_xact_id()::text")
        watch.transaction, watch.before = transaction, len(watch.finished)

        def refuse_swallowed(**_: Any) -> None:
            # Runs before the revision's COMMIT: raising here undoes the whole revision.
            status = _asked(context, f"select pg_xact_status('{transaction}'::xid8)")
            outside = any(not failure.in_savepoint for failure in watch.failures)
            if status == "aborted" or (status == "committed" and outside):
                raise Swallowed

        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, refuse_swallowed)
        return [found.history.step(step.direction, step.revision.id)]

    return migrations


def _asked(context: Any, sql: str) -> Any:
    """Ask on env.py's own connection, unseen by SQLAlchemy: no statement of the revision."""
    cursor = context.connection.connection.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone()[0]
    finally:
        cursor.close()
