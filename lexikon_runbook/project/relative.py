"""Where Alembic's relative forms lead that start from a revision: `REV-N`, `REV+N`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FORM = re.compile(r"(?:([^@]+)@)?([^@+-]+)?([+-][0-9]+)")


@dataclass(frozen=True)
class Walk:
    """A walk of some steps: `at` is where it ended, "" is before the first revision.

    `why` says what ended it too early; "" where nothing did.
    """

    at: str
    back: bool
    why: str = ""

    def leads_back(self, behind: frozenset[str], here: frozenset[str]) -> bool:
        """Whether a database with the rows `here`, and all that is `behind` them, goes back."""
        if not self.why:
            return not self.at or self.at in behind
        return self.at in behind or (self.back and self.at in (here or {""}))


def walk(
    start: str, steps: int, label: str, down: Mapping[str, Sequence[str]], of_label: frozenset[str]
) -> Walk:
    """Walk from a revision, by `down_revision` only, as Alembic does.

    `down` are the parents of each revision, `of_label` the revisions of the branch `label`, which
    only a walk up asks for.
    """
    at, back = start, steps < 0
    for _ in range(abs(steps)):
        if back:
            found = list(down[at]) or [""] if at else []
        else:
            found = [id_ for id_, parents in down.items() if at in (parents or ("",))]
            found = [id_ for id_ in found if not label or id_ in of_label]
        if len(found) != 1:
            return Walk(at, back, _why(at, found, back=back))
        at = found[0]
    return Walk(at, back)


def _why(at: str, found: Sequence[str], *, back: bool) -> str:
    named = at or "base"
    if found:
        return f"{'behind' if back else 'after'} {named} it may go to {' or '.join(sorted(found))}"
    return f"there is nothing {'behind' if back else 'after'} {named}"
