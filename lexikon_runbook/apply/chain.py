"""A plan under way: its revisions run one after the other by env.py, each proved by reading.

One run of env.py carries the chain. Before a revision begins, the one before it is read back on
a connection of ours; after the last, or where one may commit by itself, the whole catalog is.
"""

from __future__ import annotations

import contextlib
import random
import threading
from dataclasses import replace

from ..errors import RunbookError
from ..plan.plan import Plan
from ..plan.policy import Policy
from ..plan.step import Step
from ..postgres import catalog, connections, statements
from ..postgres.catalog import Catalog, Difference
from ..postgres.runner import APPLYING, Reporter, RunnerLock
from ..project.database import Database
from ..project.limits import Limits
from ..show.render import duration
from . import attempt, invalid_index, readback, refusals
from .applied import Applied, must_show
from .attempt import Attempt
from .env_py_run import EnvPyRun, may_commit

# Between reshape (0.1 s doubling to 3.2 s) and pgroll (1 s to 1 min).
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Chain:
    """One plan under way. `catalog` is the schema as it was last read, `applied` what is done.

    `read_at` is how many revisions were applied when the catalog was read.
    """

    def __init__(
        self, plan: Plan, found: Database, policy: Policy, report: Reporter, lock: RunnerLock
    ) -> None:
        self.plan, self.found, self.policy, self.report = plan, found, policy, report
        self.lock = lock
        self.catalog, self.read_at = plan.catalog, 0
        self.applied: list[Applied] = []
        self.attempts: list[Attempt] = []
        self.not_ours = set(readback.invalid_indexes(found)) - set(plan.invalid)
        self.search_path = readback.search_path(found)
        self.doing = "before the first revision"

    @property
    def step(self) -> Step:
        """The revision that is to run next, or runs."""
        return self.plan.steps[len(self.applied)]

    @property
    def left(self) -> tuple[Step, ...]:
        """What is still to be run."""
        return self.plan.steps[len(self.applied) :]

    def all(self) -> tuple[tuple[Applied, ...], Catalog]:
        """Run every revision. Writes; returns them, and the catalog after the last."""
        try:
            for index in self.plan.invalid:
                self._clear_the_way(index)
            with contextlib.closing(readback.Reader(self.found)) as reader:
                while len(self.applied) < len(self.plan.steps):
                    self._go_on(reader)
            return tuple(self.applied), self._read_whole()
        except KeyboardInterrupt:
            left = self._left(self.attempts[-1] if self.attempts else None)
            raise refusals.interrupted(self.found, self.doing, left) from None

    def _go_on(self, reader: readback.Reader) -> None:
        """Run env.py with what is left of the plan, as far as that gets."""
        if self.attempts:
            self._pause()
        tried = EnvPyRun(self, reader).run()
        if tried is None:
            return
        self.attempts.append(tried)
        self.doing = f"after a try of {self.step.revision.id}"
        if tried.interrupted:
            self._drop_own_invalid(tried)
            self.doing = f"while {self.step.revision.id} ran; its statement was cancelled"
            raise KeyboardInterrupt
        if tried.lost:
            self._settle(tried)
        elif not self._ended_late(tried):
            self._give_way_or_stop()

    def done(self, tried: Attempt) -> None:
        """The revision that ran last is in the database, as was just read."""
        step = self.step
        self.attempts.append(tried)
        sent = any("concurrently" in sql.lower() for sql, _ in tried.statements)
        if tried.by_itself or sent:
            self._require_valid(step, tried)
        applied = Applied(step, tuple(self.attempts))
        self.attempts = []
        self.applied.append(applied)
        self.report.applied(str(applied), applied.facts())

    def before(self, step: Step, *, autocommit: bool) -> None:
        """A revision is to begin: the lock is held still, and what it may leave can be told."""
        if not self.lock.held:
            raise refusals.lock_lost(self.found, step)
        if autocommit or may_commit(step):
            self.read_catalog()
        self.report.passing(f"{step.revision.id}: try {len(self.attempts) + 1}")

    def read_catalog(self) -> None:
        """Read the schema as the last revision left it, unless that was done."""
        if self.read_at < len(self.applied):
            self.catalog, self.read_at = readback.read_catalog(self.found), len(self.applied)

    def plan_difference(self) -> Difference:
        """How the catalog differs from the plan's, as read now."""
        return catalog.difference(self.plan.catalog, readback.read_catalog(self.found))

    def _settle(self, tried: Attempt) -> None:
        """Find out by reading what became of a revision whose connection died."""
        step, rows = self.step, readback.settled(self.found, tried.backend_pid)
        if rows is None:
            raise refusals.outcome_unknown(self.found.target, step, tried)
        if rows == step.after:
            when = "during COMMIT" if tried.during_commit else "after COMMIT"
            self.report.lasting(
                f"{step.revision.id}: the connection died {when}; it is committed, as read "
                "on a new connection"
            )
            self.attempts.pop()
            self.done(replace(tried, error=None))
            return
        self._drop_own_invalid(tried)
        raise refusals.connection_lost(self.found, step, tried, self._left(tried))

    def _ended_late(self, tried: Attempt) -> bool:
        """Whether env.py failed only when the revision was in the database already."""
        with contextlib.suppress(RunbookError, connections.Error):
            if readback.version_rows(self.found) == self.step.after != self.step.before:
                said = self.found.target.mask(str(tried.error))
                self.report.lasting(
                    f"{self.step.revision.id}: env.py ended with {said} when it was committed"
                )
                self.attempts.pop()
                self.done(replace(tried, error=None))
                return True
        return False

    def _give_way_or_stop(self) -> None:
        """Return when another try may follow; raise the refusal otherwise."""
        step, attempts, last = self.step, self.attempts, self.attempts[-1]
        self._drop_own_invalid(last)
        left, gave_way = self._left(last), last.gave_way
        rows = self._left_rows(last)
        again = gave_way and left is not None and not left and rows is False
        if again and len(attempts) < self.policy.lock_attempts:
            return
        refusal = refusals.gave_up if gave_way else refusals.failed
        raise refusal(self.found, step, attempts, left, rows=bool(rows))

    def _left_rows(self, tried: Attempt) -> bool | None:
        """Whether a failed try committed what the catalog does not show; None when unknown.

        An index that was built CONCURRENTLY shows in the catalog.
        """
        own = statements.read_all(sql for sql, _ in tried.statements)
        if all(s.concurrently for s in own):
            return False
        with contextlib.suppress(RunbookError, connections.Error):
            return readback.committed(self.found, tried.transaction)
        return None

    def _left(self, tried: Attempt | None) -> Difference | None:
        """What the catalog has that the last revision did not leave; None when it can't be read.

        Where the catalog was not read since earlier revisions, the server's word that the try's
        transaction is not committed says that nothing was left.
        """
        with contextlib.suppress(RunbookError, connections.Error):
            stale, atomic = self.read_at < len(self.applied), tried and not tried.by_itself
            transaction = tried.transaction if tried else ""
            if stale and atomic and not readback.committed(self.found, transaction):
                return Difference()
            return catalog.difference(self.catalog, readback.read_catalog(self.found))
        return None

    def _pause(self) -> None:
        """Exponential, up to half of it jitter, so that two runners do not meet again."""
        step, attempts = self.step, self.attempts
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (len(attempts) - 1))
        pause = longest * random.uniform(0.5, 1.0)
        last = attempts[-1]
        why = f"waiting for {last.waited_for or 'a lock'}"
        if last.failure is not None and last.failure.sqlstate == attempt.DEADLOCK_DETECTED:
            why = "in a deadlock"
        blocked = "; ".join(last.blocked_by) or "a session that has ended"
        self.doing = f"between two tries of {step.revision.id}"
        self.report.lasting(
            f"{step.revision.id}: try {len(attempts)} of {self.policy.lock_attempts} gave way "
            f"after {duration(last.waited_s)} {why}, blocked by {blocked}; "
            f"next in {duration(pause)}"
        )
        threading.Event().wait(pause)

    def _read_whole(self) -> Catalog:
        """Prove on a new connection that the plan changed what it must have changed."""
        step, tried = self.applied[-1].step, self.applied[-1].attempts[-1]
        rows = readback.settled(self.found, 0)
        if rows is None:
            raise refusals.outcome_unknown(self.found.target, step, tried)
        try:
            now = readback.read_catalog(self.found)
        except (RunbookError, connections.Error) as error:
            raise refusals.unread(self.found.target, step, rows, error) from error
        difference = catalog.difference(self.plan.catalog, now)
        sent = [statement for done in self.plan.steps for statement in done.statements]
        if rows != step.after or (must_show(sent) and not difference):
            raise refusals.nothing_persisted(step, tried, rows, difference)
        return now

    def _require_valid(self, step: Step, tried: Attempt) -> None:
        for index in readback.invalid_indexes(self.found):
            if self._creates(step, tried, index):
                raise refusals.invalid_index(step, index, step.after)

    def _clear_the_way(self, index: catalog.InvalidIndex) -> None:
        """Drop an invalid index that the plan creates anew, as the plan says."""
        self.doing = f"while the invalid index {index.name} was dropped"
        limits = Limits(0, self.policy.statement_timeout_s, application=APPLYING)
        tried = invalid_index.drop(self.found.target, index, limits, self.report)
        if tried.interrupted:
            raise KeyboardInterrupt
        if tried.error is not None:
            raise refusals.not_dropped(self.found, index, tried) from tried.error
        self.report.lasting(f"dropped the invalid index {index.schema}.{index.name}")
        self.catalog = readback.read_catalog(self.found)

    def _drop_own_invalid(self, tried: Attempt) -> None:
        """Clear away the invalid index that this revision's failed try has left, if it may."""
        policy = self.policy
        limits = Limits(policy.lock_timeout_s, policy.statement_timeout_s, application=APPLYING)
        with contextlib.suppress(RunbookError, connections.Error):
            for index in readback.invalid_indexes(self.found):
                if index in self.not_ours or not self._creates(self.step, tried, index):
                    continue
                dropped = invalid_index.drop(self.found.target, index, limits, self.report)
                if dropped.error is None:
                    name = f"{index.schema}.{index.name}"
                    self.report.lasting(f"dropped the invalid index {name} that the try left")

    def _creates(self, step: Step, tried: Attempt, index: catalog.InvalidIndex) -> bool:
        """Whether a try created that index, failed to create it, or was planned to."""
        return self._ran(step, tried).creates(index, self.search_path)

    def _ran(self, step: Step, tried: Attempt) -> Step:
        """The step with what a try sent, besides what was planned."""
        sent = [sql for sql, _ in tried.statements] + [failure.sql for failure in tried.failures]
        return replace(step, statements=(*step.statements, *statements.read_all(sent)))
