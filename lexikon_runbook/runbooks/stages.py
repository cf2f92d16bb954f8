"""What every run has: its record, its display, and how it ends, well or badly.

The kinds of runs (`change`, `inspect_schema`, ...) add the stages that a notebook's cells call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, Unpack

from ..errors import ParameterError, RunbookError
from ..facts import Facts
from ..record import ending, record
from ..record.display import Display
from ..record.ending import Finish
from ..show.render import Shown
from ..targets.settings import Target

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound="Run")


def stage(work: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """Make a method of a run a stage of its record."""

    @functools.wraps(work)
    def staged(self: R, /, *given: P.args, **named: P.kwargs) -> T:
        from ..diagnosis.exact import exact

        with self.record.stage(work.__name__), exact(self.target):
            self.refuse_stale()
            return work(self, *given, **named)

    return staged


class Run(Shown):
    """One run of a runbook, from its parameters to its record.

    `passed` names the parameters that a cell passes on by itself, so that a new value there
    counts.
    """

    passed: ClassVar[tuple[str, ...]] = ("reason",)

    def __init__(
        self,
        runbook: str,
        values: Mapping[str, Any],
        target: Target,
        namespace: Mapping[str, Any] = MappingProxyType({}),
        others: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.runbook, self.target, self.values = runbook, target, dict(values)
        self._namespace, self.others = namespace, others
        self.record = record.begin(target, runbook, self.values)
        self.display = Display(self.record)
        self.display.lasting(f"{runbook}: target {target.name}, record {self.record.folder}")

    def refuse_stale(self) -> None:
        """Refuse to go on with other parameters than the notebook now shows. Reads only."""
        now = self._namespace
        stale = [n for n, v in self.values.items() if n not in self.passed and now.get(n, v) != v]
        if stale:
            raise ParameterError(
                f"{', '.join(stale)} changed after this run began, and it began with "
                f"{', '.join(f'{n}={self.values[n]!r}' for n in stale)}.",
                state="nothing more was done than the cards above say.",
                next_step="run the cell that begins the run again, and go on from there.",
            )

    def end_well(
        self, outcome: str, lines: tuple[tuple[str, str], ...] = (), /, **facts: Unpack[Facts]
    ) -> Finish:
        """Write the record's outcome, and say where it is. Writes the archive only."""
        self.record.end(outcome, 0, **facts)
        self.display.lasting(f"outcome: {outcome}; record {self.record.file}")
        return Finish(outcome, (*lines, ("Record", str(self.record.file))))

    def failed(self, error: BaseException) -> None:
        """Write into the record that a cell ended with this error. Writes the archive only."""
        if self.record.finished and self.record.facts["exit_code"] == 0:
            return
        ending.bad(self.record, error, self.facts_after_failure())
        self.display.lasting(f"outcome: {self.record.facts['outcome']}; record {self.record.file}")

    def facts_after_failure(self) -> Facts:
        """What the record says besides the error, read back now. Reads only."""
        return {}

    def end(self) -> None:
        """Let go of what the run holds besides its record: the project's workers."""

    def superseded(self) -> None:
        """End the record of a run that was begun anew in the same kernel."""
        self.end()
        if not self.record.finished:
            self.failed(
                RunbookError(
                    "the runbook was begun anew before this run had ended.",
                    state="where the database is stands under revisions.",
                    next_step="see the next record of this target.",
                )
            )
