"""Begin a runbook: its parameters checked, its target found, its record opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import demo, ending, parameters, settings
from .display import on_failed_cell
from .errors import NOTHING_CHANGED, ParameterError, RunbookError
from .stages import Run

__all__ = ["Run", "begin"]

# What a cell passes on anew is not repeated in the command that an approval prints.
ASKED_ANEW = ("target", "revision", "approve", "dry_run")


def kind_of(runbook: str) -> type[Run]:
    """The class of a runbook's runs. Pure; raises ParameterError for a name that has none."""
    # Each is imported where it is begun: a deploy with nothing to do is the commonest run.
    if runbook in ("deploy", "rollback"):
        from .changing import Changing

        return Changing
    if runbook == "inspect_schema":
        from .inspecting import Inspecting

        return Inspecting
    if runbook == "troubleshoot":
        from .troubleshooting import Troubleshooting

        return Troubleshooting
    if runbook == "create_migration":
        from .creating import Creating

        return Creating
    raise ParameterError(
        f"there is no runbook {runbook!r}.",
        state=NOTHING_CHANGED,
        next_step="take the cell that begins the run from the original notebook again.",
    )


def begin(runbook: str, namespace: Mapping[str, Any]) -> Any:
    """Check the notebook's parameters, resolve the target, and open the run's record.

    `namespace` is the notebook's `globals()`. Gives a `Run` with the stages of that runbook.
    Writes the archive only; raises ParameterError, SettingsError or ArchiveUnusable before
    the database is touched.
    """
    project = settings.project_folder()
    on_failed_cell(None)
    if isinstance(earlier := namespace.get("run"), Run):
        earlier.superseded()
    kind = kind_of(runbook)
    try:
        known, values = parameters.of_kernel(namespace.get("In", ()), namespace)
        checked = parameters.checked(known, values)
        _all_declared(runbook, kind, checked)
        target = settings.target(checked["target"], project)
        demo.wake(target)
    except RunbookError as error:
        given = {name: namespace[name] for name in kind.required if name in namespace}
        ending.refusal(runbook, project, given, error)
        raise
    others = {
        name: value
        for name, value in checked.items()
        if name not in ASKED_ANEW and value != known[name].default
    }
    run = kind(runbook, checked, target, namespace, others)
    on_failed_cell(run.failed)
    return run


def _all_declared(runbook: str, kind: type[Run], checked: Mapping[str, Any]) -> None:
    missing = [name for name in kind.required if name not in checked]
    if missing:
        raise ParameterError(
            f"the parameters cell does not declare {', '.join(missing)}.",
            state=NOTHING_CHANGED,
            next_step=f"take the parameters cell of the original {runbook}.ipynb again.",
        )
