"""The runbooks as rows: whether each changes its database, and the class of its runs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NOTHING_CHANGED, ParameterError
from ..targets import settings
from ..targets.settings import Target

if TYPE_CHECKING:
    from .stages import Run


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """One runbook: where the class of its runs is, in a module beside this one."""

    name: str
    changes: bool
    module: str
    run: str

    def kind(self) -> type[Run]:
        """The class of its runs; the module is imported here, for a run needs one of them only."""
        kind: type[Run] = getattr(import_module(f".{self.module}", __package__), self.run)
        return kind


RUNBOOKS = {
    each.name: each
    for each in (
        Runbook(name="deploy", changes=True, module="change", run="Changing"),
        Runbook(name="rollback", changes=True, module="change", run="Changing"),
        Runbook(name="inspect_schema", changes=False, module="inspect_schema", run="Inspecting"),
        Runbook(name="troubleshoot", changes=False, module="troubleshoot", run="Troubleshooting"),
        Runbook(name="create_migration", changes=False, module="create_migration", run="Creating"),
    )
}


def named(runbook: str) -> Runbook:
    """The runbook of that name. Pure; raises ParameterError for a name that has none."""
    if runbook in RUNBOOKS:
        return RUNBOOKS[runbook]
    raise ParameterError(
        f"there is no runbook {runbook!r}.",
        state=NOTHING_CHANGED,
        next_step="take the cell that begins the run from the original notebook again.",
    )


def target(runbook: str, name: str, project: Path) -> Target:
    """The target that a run of this runbook means; "" names none. Reads only.

    A notebook of another name counts as one that changes its database. Raises SettingsError.
    """
    known = RUNBOOKS.get(runbook)
    return settings.chosen(name, project, changes=known is None or known.changes)
