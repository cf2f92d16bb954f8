"""Begin a runbook: its parameters checked, its target found, its record opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..demo import server
from ..errors import NOTHING_CHANGED, ParameterError, RunbookError
from ..record import ending
from ..record.display import on_failed_cell
from ..targets import settings
from . import kinds, notebooks, parameters
from .parameters import Parameter
from .stages import Run

__all__ = ["Run", "begin"]


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
    kind = kinds.named(runbook).kind()
    try:
        known, values = parameters.of_kernel(namespace.get("In", ()), namespace)
        checked = parameters.checked(known, values)
        missing = _missing(runbook, known)
        checked = {**{name: each.default for name, each in missing.items()}, **checked}
        target = kinds.target(runbook, checked["target"], project)
        target = target.with_x(checked.get("x", ""))
        server.wake(target)
    except RunbookError as error:
        given = {name: namespace[name] for name in ("target", "reason") if name in namespace}
        ending.refusal(runbook, project, given, error)
        raise
    others = parameters.given_besides({**missing, **known}, checked)
    run = kind(runbook, checked, target, namespace, others)
    for each in missing.values():
        run.display.lasting(
            f"parameter {each.name} is not declared in this notebook: {each.default!r} is taken"
        )
    on_failed_cell(run.failed)
    return run


def _missing(runbook: str, known: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """What the runbook's own notebook declares besides: one that is older goes on. Reads only.

    Raises ParameterError where not even the target is declared.
    """
    if "target" not in known:
        raise ParameterError(
            "the parameters cell does not declare target.",
            state=NOTHING_CHANGED,
            next_step=f"take the parameters cell of the original {runbook}.ipynb again.",
        )
    original = parameters.of_notebook(notebooks.shipped()[runbook])
    return {name: each for name, each in original.items() if name not in known}
