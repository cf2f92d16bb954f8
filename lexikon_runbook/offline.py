"""The SQL that revisions would run, from Alembic's offline mode. Reads only.

A revision that asks the database something while it runs can't be rendered; it is
left out, and the plan says so.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from . import environment
from .database import Identity
from .errors import HistoryError
from .history import Direction, History
from .settings import Target

CONTROL = ("BEGIN;", "COMMIT;")


class _Pieces(io.StringIO):
    """An output buffer that keeps what Alembic wrote piece by piece: one a statement."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        if text.strip():
            self.pieces.append(text.strip())
        return len(text)


def render(
    target: Target,
    identity: Identity,
    history: History,
    direction: Direction,
    destination: str,
    current: str,
) -> dict[str, tuple[str, ...] | None]:
    """The SQL of each pending revision by its id, in the order they run; None where unknown.

    Raises WrongDatabase when env.py reaches for another database even offline.
    """
    return of_steps(target, identity, history.steps(direction, destination, current))


def of_steps(
    target: Target, identity: Identity, steps: Sequence[Any]
) -> dict[str, tuple[str, ...] | None]:
    """The SQL of each of Alembic's steps by its revision's id; None where unknown."""
    buffer = _Pieces()
    found: dict[str, tuple[str, ...] | None] = {s.revision.revision: None for s in steps}

    def one_by_one(_revision: Any, _context: Any) -> list[Any]:
        # Not as steps for Alembic to run: one that fails would end all, and the version
        # table's own statements are not of interest.
        for step in steps:
            buffer.pieces.clear()
            with contextlib.suppress(Exception, SystemExit):
                step.migration_fn()
                found[step.revision.revision] = tuple(
                    piece for piece in buffer.pieces if piece.upper() not in CONTROL
                )
        return []

    if steps:
        # An env.py without an offline mode: nothing is known then.
        with contextlib.suppress(HistoryError):
            environment.run(
                target,
                identity,
                one_by_one,
                as_sql=True,
                starting_rev=_starting(steps[0]),
                destination_rev=steps[-1].revision.revision,
                output_buffer=buffer,
            )
    return found


def _starting(step: Any) -> str:
    """What the database is at before this step, as Alembic's offline mode wants it."""
    before = step.from_revisions
    return before[0] if before else "base"
