"""One run of env.py with what is left of a plan: what is answered to each of its questions.

Writes what the revisions write. Nothing is decided in the worker: before each revision, each
statement and each COMMIT it asks here.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import PlanChanged
from ..plan.plan import Plan
from ..plan.policy import Policy
from ..plan.step import Step
from ..postgres import statements
from ..postgres.catalog import Difference
from ..postgres.runner import APPLYING, Reporter
from ..project import failures, version
from ..project.database import Database
from ..project.limits import Limits, milliseconds
from ..project.process import Message
from ..project.seen import Outside, Seen
from ..project.worker import ProjectFailed, Worker, WorkerDied
from . import refusals
from .attempt import LOCK_NOT_AVAILABLE, Attempt, Swallowed
from .comparing import Compared
from .readback import Reader
from .watching import POLL_S, Watcher, end_statement

# After it the driver's next statements, and the version row, would be committed one by one.
ROLLBACK = re.compile(r"\s*(ROLLBACK|ABORT)\b(?!.*\b(TO|PREPARED)\b)", re.I | re.S)
COMMITS = re.compile(r"autocommit|\bcommit\b|\bCONCURRENTLY\b|isolation_level", re.I)
# These wait for other transactions without making anybody wait.
PATIENT = ("create index concurrently", "drop index concurrently", "reindex concurrently")
COMMITTED, ABORTED = "committed", "aborted"


def may_commit(step: Step) -> bool:
    """Whether a revision may commit before its end, as far as its text and SQL tell. Pure."""
    return bool(COMMITS.search(step.revision.source)) or any(
        statement.concurrently for statement in step.statements
    )


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


class Chain(Protocol):
    """The plan under way, as this run of env.py carries it on."""

    plan: Plan
    found: Database
    policy: Policy
    report: Reporter

    @property
    def step(self) -> Step:
        """The revision that is to run next, or runs."""

    @property
    def left(self) -> tuple[Step, ...]:
        """What is still to be run."""

    def before(self, step: Step, *, autocommit: bool) -> None:
        """A revision is to begin."""

    def done(self, tried: Attempt) -> None:
        """The revision that ran last is in the database."""

    def read_catalog(self) -> None:
        """Read the schema as the last revision left it."""

    def plan_difference(self) -> Difference:
        """How the catalog differs from the plan's, as read now."""


class EnvPyRun:
    """Follows the worker through the revisions that one run of env.py carries."""

    def __init__(self, chain: Chain, reader: Reader) -> None:
        self.chain, self.reader = chain, reader
        self.found, self.policy = chain.found, chain.policy
        self.worker: Worker
        self.running: Step | None = None
        self.watcher = Watcher(self.found.target, chain.report)
        self._begin()

    def _begin(self) -> None:
        """A revision begins: what is seen from here on is its own."""
        self.began, self.finished, self.failed, self.outside = time.monotonic(), 0, 0, 0
        self.transaction, self.by_itself, self.whole = "", False, False
        self.compared = None
        if self.running is not None:
            table = self.found.version.table
            self.compared = Compared(self.chain.plan, self.running, table)
        self.watcher.waits = type(self.watcher.waits)()

    @property
    def limits(self) -> dict[str, str]:
        """The settings of every session of env.py."""
        policy = self.policy
        limits = Limits(policy.lock_timeout_s, policy.statement_timeout_s, application=APPLYING)
        return limits.settings(self.found.identity.version_number)

    def run(self) -> Attempt | None:
        """Run env.py once; the try that did not succeed, or None when all that ran did.

        Never raises for what a revision does: the Attempt holds the error. Raises the refusals
        that are not about a revision: PlanChanged, WrongDatabase, RunnerBusy.
        """
        steps = self.chain.left
        ids = [step.revision.id for step in steps]
        words = [steps[0].direction, ids[-1] if steps[0].direction == "upgrade" else "base"]
        self.worker = worker = self.found.project.applying(words)
        failures.looked(
            self.found.target,
            lambda: worker.ask("steps", direction=steps[0].direction, ids=ids),
        )
        error: BaseException | None = None
        with contextlib.closing(self.watcher):
            try:
                self._follow()
            except (Swallowed, ProjectFailed, WorkerDied, KeyboardInterrupt) as stop:
                error = stop
        if error is None:
            self._finish()
            return None
        if self.running is None and not isinstance(error, KeyboardInterrupt | WorkerDied):
            self.running = self.chain.step  # env.py itself failed before a revision began
        return self._attempt(error)

    def _follow(self) -> None:
        poll_s = min(POLL_S, self.policy.lock_timeout_s / 5)
        try:
            target = self.found.target
            bounds = target.bounds
            self.worker.post("migrate", settings=self.limits, bounds=bounds)
            told = self.worker.answer(self._answer, self._look, poll_s=poll_s)
        except KeyboardInterrupt:
            self.worker.stop(self._cancel)
            raise
        if not told.get("called", True):
            raise failures.without_migrations(self.found.target)

    def _look(self) -> None:
        seen = self.worker.seen
        self.watcher.look(seen.pid, seen.statement, seen.statement_began)

    def _cancel(self, late: bool) -> None:
        seen = self.worker.seen
        if seen.pid and (seen.statement or late):
            end_statement(self.found.target, seen.pid, terminate=late)

    def _answer(self, message: Message) -> Mapping[str, Any] | None:
        """What goes along with the "go"; raises what stops the run."""
        answer = getattr(self, f"_on_{message['is']}", None)
        found: Mapping[str, Any] | None = answer(message) if answer else None
        return found

    def _on_step(self, message: Message) -> Mapping[str, Any]:
        if self.running is not None:
            self._finish()
        step = self.chain.step
        rows = message["rows"]
        if message["place"] is not None:
            self._follow_table(message["place"])
        if rows is not None and frozenset(rows) != step.before:
            raise PlanChanged(
                f"the database moved to {', '.join(rows) or 'base'} while the plan ran.",
                state=f"{step.revision.id} was not begun.",
                next_step="run again from the top: the plan will be made anew.",
            )
        self.chain.before(step, autocommit=bool(message["autocommit"]))
        self.running = step
        self._begin()
        seen = self.worker.seen
        self.finished, self.failed = len(seen.finished), len(seen.failures)
        self.outside = len(seen.outside)
        return {"settings": self.limits}

    def _follow_table(self, place: Message) -> None:
        """Read the version rows where env.py now keeps them: its schema may be new.

        Raises PlanChanged where they were read elsewhere when the plan was made.
        """
        known = self.found.version
        table, _ = version.for_us(self.found.target, place)
        if table == known.table:
            return
        if known.tracked:
            raise PlanChanged(
                f"env.py keeps the version rows in {table}; when the plan was made, in "
                f"{known.table}.",
                state=f"{self.chain.step.revision.id} was not begun.",
                next_step="run again from the top: the plan will be made anew.",
            )
        self.found = self.found.with_table(table)
        self.chain.found = self.found
        self.reader.table = table

    def _on_begun(self, message: Message) -> None:
        self.transaction = str(message["transaction"])

    def _on_outside(self, message: Message) -> None:
        """Say what was done outside of the database: nothing here can undo it."""
        done = Outside.told(message)
        if message["revision"] and self.running is not None:
            file, who = str(self.running.revision.file), f"revision {message['revision']}"
        else:
            file, who = done.file if done.file.endswith("/env.py") else "", "env.py"
        self.chain.report.lasting(self.found.target.mask(f"{who} ran {done.seen_from(file)}"))

    def _on_statement(self, message: Message) -> Mapping[str, Any] | None:
        sql = str(message["sql"])
        if ROLLBACK.match(sql):
            raise Swallowed
        if self.compared and (answer := self.compared.sends(message)):
            return answer
        if waits_alone(sql):
            again = milliseconds(self.policy.lock_timeout_s)
            return {"before": ["SET lock_timeout = 0"], "after": [f"SET lock_timeout = {again}"]}
        return None

    def _on_writes(self, message: Message) -> None:
        """A statement that was let go as one that only reads wants to write."""
        if self.compared:
            self.compared.writes(message)

    def _on_commit(self, _message: Message) -> None:
        if self.running is not None and not self.whole and not self.by_itself:
            # What the revision did so far is not committed yet, so it is not in this reading.
            self.chain.read_catalog()
            self.by_itself = True
            if self.compared:
                self.compared.committed = True

    def _on_applied(self, message: Message) -> None:
        """Before the revision's COMMIT: refuse it where its transaction did not hold."""
        failures = self.worker.seen.failures[self.failed :]
        outside = any(not failure.in_savepoint for failure in failures)
        status = message["status"]
        if status == ABORTED or (status == COMMITTED and outside):
            raise Swallowed
        if self.compared:
            self.compared.applied(message)
        self.whole = True

    def _finish(self) -> None:
        """Prove that the revision which ran is there, before the next one begins."""
        step, self.running = self.running, None
        if step is None:
            return
        tried = self._attempt(None)
        rows = self.reader.version_rows()
        if rows != step.after:
            raise refusals.nothing_persisted(step, tried, rows, self.chain.plan_difference())
        self.chain.done(tried)

    def _attempt(self, error: BaseException | None) -> Attempt:
        seen: Seen = self.worker.seen
        failures = tuple(seen.failures[self.failed :])
        timed_out = any(failure.sqlstate == LOCK_NOT_AVAILABLE for failure in failures)
        waits = self.watcher.waits
        lock_timeout_s = self.policy.lock_timeout_s if timed_out else 0.0
        return Attempt(
            duration_s=time.monotonic() - self.began,
            waited_s=max(waits.longest_s, lock_timeout_s),
            statements=tuple(seen.finished[self.finished :]),
            blockers=waits.blockers,
            waited_for=waits.waited_for,
            failures=failures,
            outside=tuple(seen.outside[self.outside :]),
            error=error,
            backend_pid=seen.pid,
            during_commit=seen.committing,
            lost=isinstance(error, WorkerDied) or (error is not None and seen.lost),
            transaction=self.transaction,
            by_itself=self.by_itself,
            opening=self.found.target.mask(seen.finished[0][0]) if seen.finished else "",
        )
