"""Begin a runbook: its parameters checked, its target found, its record opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import demo, ending, parameters, settings
from .display import on_failed_cell
from .errors import NOTHING_CHANGED, ParameterError, RunbookError
from .stages import Run

__all__ = ["Run", "begin"]

REQUIRED = (
    "target",
    "revision",
    "approve",
    "dry_run",
    "lock_timeout_s",
    "statement_timeout_s",
    "lock_attempts",
    "health_deadline_s",
    "reason",
)


def begin(runbook: str, namespace: Mapping[str, Any]) -> Run:
    """Check the notebook's parameters, resolve the target, and open the run's record.

    `namespace` is the notebook's `globals()`. Writes the archive only; raises
    ParameterError, SettingsError or ArchiveUnusable before the database is touched.
    """
    project = settings.project_folder()
    on_failed_cell(None)
    if isinstance(earlier := namespace.get("run"), Run):
        earlier.superseded()
    try:
        known, values = parameters.of_kernel(namespace.get("In", ()), namespace)
        checked = parameters.checked(known, values)
        _all_declared(runbook, checked)
        target = settings.target(checked["target"], project)
        demo.wake(target)
    except RunbookError as error:
        given = {name: namespace[name] for name in REQUIRED if name in namespace}
        ending.refusal(runbook, project, given, error)
        raise
    others = {
        name: value
        for name, value in checked.items()
        if name not in ("target", "revision", "approve", "dry_run") and value != known[name].default
    }
    run = Run(runbook, checked, target, namespace, others)
    on_failed_cell(run.failed)
    return run


def _all_declared(runbook: str, checked: Mapping[str, Any]) -> None:
    missing = [name for name in REQUIRED if name not in checked]
    if missing:
        raise ParameterError(
            f"the parameters cell does not declare {', '.join(missing)}.",
            state=NOTHING_CHANGED,
            next_step=f"take the parameters cell of the original {runbook}.ipynb again.",
        )
