"""The refusal that stops a run, with the exact edit of the diagnosis behind it. Reads only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import RunbookError
from ..targets.settings import Target

if TYPE_CHECKING:
    from .row import Sign

# Where the refusal says what is wrong, and the files say in which line and how to mend it.
OF_FILES = frozenset(
    {
        *("duplicate-revision", "missing-parent", "revision-cycle", "revision-unknown"),
        "several-heads",
    }
)


@contextlib.contextmanager
def exact(target: Target) -> Iterator[None]:
    """Give a refusal that goes through here its diagnosis' edits and commands as the next step.

    Where the diagnosis can't be told, the refusal stays as it is.
    """
    try:
        yield
    except RunbookError as error:
        if error.finding in OF_FILES and (sign := _sign(target, error.finding)) is not None:
            error.next_step = str(sign.remedy)
        raise


def _sign(target: Target, finding: str) -> Sign | None:
    from ..project import database
    from . import reading
    from .diagnoses import DIAGNOSES
    from .situation import NotKnown

    found = database.look(target)
    try:
        situation = reading.look(found)
        row = next(row for row in DIAGNOSES if row.id == finding)
        return next(row.match(situation), None)
    except (NotKnown, RunbookError):
        return None
    finally:
        found.project.end()
