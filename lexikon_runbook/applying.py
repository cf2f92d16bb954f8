"""A plan under way: each revision tried, read back, and told apart from what it left behind."""

from __future__ import annotations

import contextlib
import random
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from . import attempt, catalog, database, readback, refusals, statements
from .attempt import Attempt
from .catalog import Catalog
from .errors import RunbookError
from .guard import Limits
from .plan import Plan
from .policy import Policy
from .preflight import Preflight
from .render import duration
from .runner import APPLYING, Reporter, RunnerLock
from .statements import Statement
from .step import Step

# Between reshape (0.1 s doubling to 3.2 s) and pgroll (1 s to 1 min).
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
MAY_DO_NOTHING = re.compile(r"\b(IF\s+(NOT\s+)?EXISTS|TEMP|TEMPORARY)\b", re.I)


@dataclass(frozen=True)
class Applied:
    """One revision that is in the database (or out of it), with the tries it took."""

    step: Step
    attempts: tuple[Attempt, ...]

    @property
    def duration_s(self) -> float:
        """Seconds of the try that succeeded."""
        return self.attempts[-1].duration_s

    def facts(self) -> dict[str, object]:
        """The revision as a record keeps it."""
        return {
            "revision": self.step.revision.id,
            "direction": self.step.direction,
            "summary": self.step.summary,
            "sha256": self.step.revision.checksum,
            "duration_s": round(self.duration_s, 3),
            "tries": [
                {
                    "duration_s": round(a.duration_s, 3),
                    "waited_s": round(a.waited_s, 3),
                    "blocked_by": list(a.blocked_by),
                    "sqlstate": a.failure.sqlstate if a.failure else None,
                }
                for a in self.attempts
            ],
            "statements": [[sql, round(s, 4)] for sql, s in self.attempts[-1].statements],
        }


class Applying:
    """One plan under way, with the catalog as the last revision left it."""

    def __init__(
        self, plan: Plan, found: Preflight, policy: Policy, report: Reporter, lock: RunnerLock
    ) -> None:
        self.plan, self.found, self.policy, self.report = plan, found, policy, report
        self.lock = lock
        self.catalog = plan.catalog
        self.not_ours = set(readback.invalid_indexes(found)) - set(plan.invalid)
        self.search_path = readback.search_path(found)
        self.doing = "before the first revision"

    def all(self) -> tuple[tuple[Applied, ...], Catalog]:
        """Run every revision. Writes; returns them, and the catalog after the last."""
        try:
            for index in self.plan.invalid:
                self._clear_the_way(index)
            return tuple(self._revision(step) for step in self.plan.steps), self.catalog
        except KeyboardInterrupt:
            raise refusals.interrupted(self.found, self.doing, self._left()) from None

    def _revision(self, step: Step) -> Applied:
        """One revision, tried until it is in or the attempts are used up."""
        attempts: list[Attempt] = []
        while not attempts or attempts[-1].error is not None:
            if attempts:
                self._pause(step, attempts)
            if not self.lock.held:
                raise refusals.lock_lost(self.found, step)
            self.report.passing(f"{step.revision.id}: try {len(attempts) + 1}")
            attempts.append(self._try(step))
            if attempts[-1].error is not None:
                self._give_way_or_stop(step, attempts)
        self._read_back(step, attempts[-1])
        took = duration(attempts[-1].duration_s)
        self.report.lasting(f"{step.direction} {step.revision.id}: {step.summary}, {took}")
        done = Applied(step, tuple(attempts))
        self.report.applied(done.facts())
        return done

    def _try(self, step: Step) -> Attempt:
        tried = attempt.run(self.found, step, self.policy, self.report)
        self.doing = f"after a try of {step.revision.id}"
        if isinstance(tried.error, RunbookError):
            raise tried.error
        if tried.interrupted:
            self._drop_own_invalid(step, tried)
            self.doing = f"while {step.revision.id} ran; its statement was cancelled"
            raise KeyboardInterrupt
        return self._settle(step, tried) if tried.lost else tried

    def _settle(self, step: Step, tried: Attempt) -> Attempt:
        """Find out by reading what became of a revision whose connection died."""
        rows = readback.settled(self.found, tried.backend_pid)
        if rows is None:
            raise refusals.outcome_unknown(step, tried)
        if rows == step.after:
            when = "during COMMIT" if tried.during_commit else "after COMMIT"
            self.report.lasting(
                f"{step.revision.id}: the connection died {when}; it is committed, as read "
                "on a new connection"
            )
            return replace(tried, error=None)
        self._drop_own_invalid(step, tried)
        raise refusals.connection_lost(self.found, step, tried, self._left())

    def _give_way_or_stop(self, step: Step, attempts: list[Attempt]) -> None:
        """Return when another try may follow; raise the refusal otherwise."""
        self._drop_own_invalid(step, attempts[-1])
        left, gave_way = self._left(), attempts[-1].gave_way
        rows = self._left_rows(attempts[-1])
        again = gave_way and left is not None and not left and rows is False
        if again and len(attempts) < self.policy.lock_attempts:
            return
        refusal = refusals.gave_up if gave_way else refusals.failed
        raise refusal(self.found, step, attempts, left, rows=bool(rows))

    def _left_rows(self, tried: Attempt) -> bool | None:
        """Whether a failed try committed what the catalog does not show; None when unknown.

        An index that was built CONCURRENTLY shows in the catalog.
        """
        if all(s.concurrently for s in statements.read_all(tried.own)):
            return False
        with contextlib.suppress(RunbookError, database.Error):
            return readback.committed(self.found, tried.transaction)
        return None

    def _left(self) -> catalog.Difference | None:
        """What the catalog has that the last revision did not leave; None when it can't be read."""
        with contextlib.suppress(RunbookError, database.Error):
            return catalog.difference(self.catalog, readback.read_catalog(self.found))
        return None

    def _pause(self, step: Step, attempts: list[Attempt]) -> None:
        """Exponential, up to half of it jitter, so that two runners do not meet again."""
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

    def _read_back(self, step: Step, tried: Attempt) -> None:
        """Prove on a new connection that the revision is there, whole."""
        rows = readback.settled(self.found, 0)
        if rows is None:
            raise refusals.outcome_unknown(step, tried)
        try:
            now = readback.read_catalog(self.found)
        except (RunbookError, database.Error) as error:
            raise refusals.unread(step, rows, error) from error
        difference = catalog.difference(self.catalog, now)
        if rows != step.after or (_must_show(step.statements) and not difference):
            raise refusals.nothing_persisted(step, tried, rows, difference)
        for index in readback.invalid_indexes(self.found):
            if self._creates(step, tried, index):
                raise refusals.invalid_index(step, index, rows)
        self.catalog = now

    def _clear_the_way(self, index: catalog.InvalidIndex) -> None:
        """Drop an invalid index that the plan creates anew, as the plan says."""
        self.doing = f"while the invalid index {index.name} was dropped"
        limits = Limits(0, self.policy.statement_timeout_s, application=APPLYING)
        tried = attempt.drop_index(self.found, index, limits, self.report)
        if tried.interrupted:
            raise KeyboardInterrupt
        if tried.error is not None:
            raise refusals.not_dropped(self.found, index, tried) from tried.error
        self.report.lasting(f"dropped the invalid index {index.schema}.{index.name}")
        self.catalog = readback.read_catalog(self.found)

    def _drop_own_invalid(self, step: Step, tried: Attempt) -> None:
        """Clear away the invalid index that this revision's failed try has left, if it may."""
        policy = self.policy
        limits = Limits(policy.lock_timeout_s, policy.statement_timeout_s, application=APPLYING)
        with contextlib.suppress(RunbookError, database.Error):
            for index in readback.invalid_indexes(self.found):
                if index in self.not_ours or not self._creates(step, tried, index):
                    continue
                if attempt.drop_index(self.found, index, limits, self.report).error is None:
                    name = f"{index.schema}.{index.name}"
                    self.report.lasting(f"dropped the invalid index {name} that the try left")

    def _creates(self, step: Step, tried: Attempt, index: catalog.InvalidIndex) -> bool:
        """Whether a try created that index, failed to create it, or was planned to."""
        sent = [sql for sql, _ in tried.statements] + [failure.sql for failure in tried.failures]
        ran = replace(step, statements=(*step.statements, *statements.read_all(sent)))
        return ran.creates(index, self.search_path)


def _must_show(planned: Iterable[Statement]) -> bool:
    """Whether SQL that ran must have changed the catalog: a scratch table need not."""
    effects = [
        (effect.action, effect.kind, effect.name)
        for statement in planned
        for effect in statement.effects
        if effect.kind in ("table", "column", "index") and not MAY_DO_NOTHING.search(statement.text)
    ]
    gone = {(kind, name) for action, kind, name in effects if action == "drops"}
    return any(a == "creates" and (kind, name) not in gone for a, kind, name in effects)
