"""Executable runbooks for PostgreSQL schema changes with Alembic.

A notebook uses one name: `begin`. It is loaded when it is first asked for, so that
`lexikon-runbook --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "begin"]


def begin(runbook: str, namespace: Mapping[str, Any]) -> Any:
    """Begin a runbook with the notebook's `globals()`; see `lexikon_runbook.run.begin`."""
    from . import run

    return run.begin(runbook, namespace)
