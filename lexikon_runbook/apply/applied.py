"""A revision that was applied, and what a plan must have changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..facts import Step as StepFacts
from ..plan.step import Step
from ..postgres.statements import Statement
from ..show.render import duration
from .attempt import Attempt

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

    def __str__(self) -> str:
        step = self.step
        return f"{step.direction} {step.revision.id}: {step.summary}, {duration(self.duration_s)}"

    @property
    def outside(self) -> tuple[str, ...]:
        """What it did outside of the database in all of its tries, in words."""
        return outside(self.step, self.attempts)

    def facts(self) -> StepFacts:
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
            "outside": list(self.outside),
            "statements": [[sql, round(s, 4)] for sql, s in self.attempts[-1].statements],
        }


def outside(step: Step, attempts: Iterable[Attempt]) -> tuple[str, ...]:
    """What these tries did outside of the database, in words, each line of a file once. Pure."""
    file = str(step.revision.file)
    return tuple(dict.fromkeys(each.seen_from(file) for a in attempts for each in a.outside))


def must_show(planned: Iterable[Statement]) -> bool:
    """Whether SQL that ran must have changed the catalog: a scratch table need not. Pure."""
    effects = [
        (effect.action, effect.kind, effect.name)
        for statement in planned
        for effect in statement.effects
        if effect.kind in ("table", "column", "index") and not MAY_DO_NOTHING.search(statement.text)
    ]
    gone = {(kind, name) for action, kind, name in effects if action == "drops"}
    return any(a == "creates" and (kind, name) not in gone for a, kind, name in effects)
