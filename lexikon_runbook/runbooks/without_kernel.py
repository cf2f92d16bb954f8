"""The stages of deploy and rollback one after the other, without a kernel; the same record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..demo import server
from ..plan.plan import Plan
from ..record.record import Record
from ..targets import settings
from ..targets.settings import Target
from . import notebooks, parameters
from .change import Changing

LOCK_TIMEOUT_S = 2.0


def deploy(target: str | Target, project: Path | None, given: dict[str, Any]) -> Record:
    """Deploy, as the notebook would. Writes the database, and the archive; see `change`."""
    return _run("deploy", target, project, given)


def rollback(target: str | Target, project: Path | None, given: dict[str, Any]) -> Record:
    """Roll back, as the notebook would. Writes the database, and the archive; see `change`."""
    return _run("rollback", target, project, given)


def plan(target: str | Target, project: Path | None, revision: str, x: str) -> Plan:
    """The plan from where the database is to that revision, in whichever direction it lies.

    Reads only.
    """
    from ..diagnosis.exact import exact
    from ..plan import making
    from ..project import preflight
    from ..project.project import Project

    known = _target(target, project, x)
    opened = Project(known)
    try:
        with exact(known):
            found = preflight.check(known, "downgrade", opened)
            direction = found.history.direction(revision, found.version.ids)
            return making.make(found, direction, revision, LOCK_TIMEOUT_S)
    finally:
        opened.end()


def _run(runbook: str, target: str | Target, project: Path | None, given: dict[str, Any]) -> Record:
    known = parameters.of_notebook(notebooks.shipped()[runbook])
    name = target if isinstance(target, str) else target.name
    values = parameters.checked(known, {"target": name, **given})
    others = parameters.given_besides(known, values)
    run = Changing(runbook, values, _target(target, project, values["x"]), others=others)
    try:
        run.preflight()
        shown = run.plan(values["revision"])
        outcome = run.apply(run.approve(shown, values["approve"]))
        run.verify(outcome)
        if runbook == "rollback":
            run.restart(outcome)
        run.health(outcome)
        run.finish()
    except BaseException as error:
        run.failed(error)
        raise
    finally:
        run.end()
    return run.record


def _target(target: str | Target, project: Path | None, x: str) -> Target:
    found = settings.target(target, project) if isinstance(target, str) else target
    server.wake(found)
    return found.with_x(x)
