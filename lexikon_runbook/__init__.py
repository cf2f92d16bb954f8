"""Executable runbooks for PostgreSQL schema changes with Alembic.

A notebook uses one name: `begin`. A program may call `deploy` and `rollback`: the same stages
without a kernel, with the same record. Each is loaded when it is first asked for, so that
`lexikon-runbook --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .record.record import Record
    from .targets.settings import Target

__version__ = "0.2.0"
__all__ = ["__version__", "begin", "deploy", "rollback"]


def begin(runbook: str, namespace: Mapping[str, Any]) -> Any:
    """Begin a runbook with the notebook's `globals()`; see `lexikon_runbook.runbooks.begin`."""
    from .runbooks.begin import begin as begun

    return begun(runbook, namespace)


def deploy(
    target: str | Target, revision: str = "head", *, project: Path | None = None, **parameters: Any
) -> Record:
    """Deploy to a target, with the parameters of deploy.ipynb; its record.

    `project` is the folder of runbook.toml (default: as a notebook finds it). Writes the
    database and the archive. Raises a RunbookError for whatever stops it; the record says so.
    """
    from .runbooks import without_kernel

    return without_kernel.deploy(target, project, {"revision": revision, **parameters})


def rollback(
    target: str | Target, revision: str = "-1", *, project: Path | None = None, **parameters: Any
) -> Record:
    """Roll a target back, with the parameters of rollback.ipynb; its record. As `deploy`."""
    from .runbooks import without_kernel

    return without_kernel.rollback(target, project, {"revision": revision, **parameters})
