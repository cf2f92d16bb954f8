"""How a run ended, well or badly, as its record tells it. Writes the archive only."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Interrupted, KernelDied, RunbookError
from ..facts import Error, Facts, Revisions
from ..show.render import Block, Card, Shown, shorten
from ..targets import settings
from ..targets.settings import Target
from . import record
from .record import Record

AGAIN = "run the runbook again from the top: it starts from where the database is."
UNEXPECTED_EXIT = 3
UNKNOWN = "unknown: "  # what `after` begins with when it could not be read; no revision has it


@dataclass(frozen=True)
class Finish(Shown):
    """How a run ended well, and where its record is."""

    outcome: str
    lines: tuple[tuple[str, str], ...]

    def blocks(self) -> Sequence[Block]:
        return [Card(f"Outcome: {self.outcome}", self.lines, "good")]


def bad(to: Record, error: BaseException, more: Facts | None = None) -> None:
    """End a record with the error that a cell ended with, and `more` that is known then."""
    more = more or {}
    if isinstance(error, RunbookError):
        _end(to, error.outcome, error.exit_code, told(error), more)
    elif isinstance(error, KeyboardInterrupt):
        interrupted(to, more)
    else:
        happened = shorten(str(error), 2000) or "no message"
        lines = traceback.format_exception(error)
        shown: Error = {"type": type(error).__name__, "happened": happened, "traceback": lines}
        _end(to, "failed", UNEXPECTED_EXIT, shown, more)


def interrupted(to: Record, more: Facts) -> None:
    """End a record whose run was interrupted outside the statement of a revision."""
    where = f"in {to.facts['doing']}" if to.facts["doing"] else "between two stages"
    after = (more.get("revisions") or to.facts["revisions"])["after"]
    error = Interrupted(
        f"interrupted {where}.",
        state=_state(after),
        next_step=AGAIN,
    )
    _end(to, Interrupted.outcome, Interrupted.exit_code, told(error), more)


def died(to: Record, after: str | None) -> None:
    """End a record whose kernel was killed; `after` is where the database is now."""
    during = to.facts["doing"] or "before or between its stages"
    error = KernelDied(
        f"the kernel ended before the runbook did, during {during}{gone(after or '')}.",
        state=_state(after),
        next_step=AGAIN,
    )
    revisions: Revisions = {"before": to.facts["revisions"]["before"], "after": after}
    _end(to, KernelDied.outcome, KernelDied.exit_code, told(error), {"revisions": revisions})


def gone(after: str) -> str:
    """What is sure of a killed run's transaction once its version could be read. Pure."""
    return "" if after.startswith(UNKNOWN) else "; its open transaction is gone"


def where(after: str) -> str:
    """Where a run left the database, in words. Pure."""
    return after if after.startswith(UNKNOWN) else f"the database is at {after}"


def _state(after: str | None) -> str:
    return f"{where(after)}." if after else "the database was not touched."


def unfinished(to: Record, error: BaseException | None, more: Facts) -> None:
    """End a record whose notebook ended before its last cell, or without it."""
    name = getattr(error, "ename", type(error).__name__ if error else "NotFinished")
    happened = getattr(error, "evalue", str(error or "the notebook ended without run.finish()"))
    shown: Error = {"type": name, "happened": shorten(happened, 2000) or "no message"}
    _end(to, "failed", UNEXPECTED_EXIT, shown, more)


def _end(to: Record, outcome: str, exit_code: int, error: Error, more: Facts) -> None:
    facts: Facts = {**more, "error": error}
    to.end(outcome, exit_code, **facts)


def told(error: RunbookError) -> Error:
    """A refusal as a record keeps it. Pure."""
    return {
        "type": error.title,
        "happened": error.happened,
        "state": error.state,
        "next": error.next_step,
        "finding": error.finding,
    }


def refusal(runbook: str, project: Path, given: Mapping[str, Any], error: RunbookError) -> None:
    """Leave a record also of a run that its parameters or its target kept from beginning.

    Writes nothing where the archive can't be written: the refusal itself is what counts.
    """
    target = _target(str(given.get("target", "")), project)
    with contextlib.suppress(RunbookError, OSError):
        bad(record.begin(target, runbook, given), error)


def _target(name: str, project: Path) -> Target:
    """The target of that name, whose secrets it masks; else one that has only the name."""
    with contextlib.suppress(RunbookError):
        return settings.target(name, project)
    shown = name if settings.NAME.fullmatch(name) else "none"
    return Target(shown, project, archive=settings.archive_folder(project))
