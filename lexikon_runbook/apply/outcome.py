"""What a run did to the database. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..plan.plan import Plan
from ..postgres import catalog
from ..show.render import Block, Card, Code, Shown, Table, duration

if TYPE_CHECKING:
    from .applied import Applied


@dataclass(frozen=True)
class Outcome(Shown):
    """What a run did to the database, as it was read back on a new connection.

    `version_table` is where the version rows are now: a first deploy may have made it.
    """

    plan: Plan
    applied: tuple[Applied, ...]
    current: str
    difference: catalog.Difference
    version_table: str
    why_nothing: str = ""

    @property
    def longest_wait_s(self) -> float:
        """The longest that a statement, and so the application behind it, waited for a lock."""
        return max((a.waited_s for done in self.applied for a in done.attempts), default=0.0)

    def blocks(self) -> Sequence[Block]:
        if self.why_nothing:
            return [Card(f"Nothing applied: {self.why_nothing}", [("Database at", self.current)])]
        done = "Applied" if self.plan.direction == "upgrade" else "Rolled back"
        lines = [
            ("Database at", f"{self.current}, read on a new connection"),
            ("Took", duration(sum(a.duration_s for a in self.applied))),
            ("Lock wait", f"at most {duration(self.longest_wait_s)}"),
            ("Catalog", self.difference.summary()),
        ]
        stays = [f"{a.step.revision.id}: {each}" for a in self.applied for each in a.outside]
        if stays:
            lines.append(("Outside of the database", "\n".join(stays)))
        rows = [
            (a.step.revision.id, a.step.summary, str(len(a.attempts)), duration(a.duration_s))
            for a in self.applied
        ]
        return [
            Card(f"{done}: {self.plan.version} -> {self.current}", lines, "good"),
            Table(("revision", "what it did", "tries", "took"), rows),
            Code(str(self.difference), "Catalog, before and after"),
        ]


def nothing(shown: Plan, why: str) -> Outcome:
    """The outcome of a plan that was not run. Pure."""
    same = catalog.difference(shown.catalog, shown.catalog)
    return Outcome(shown, (), str(shown.version), same, shown.version.table, why)
