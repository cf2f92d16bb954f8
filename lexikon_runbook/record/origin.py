"""Who runs this, on which machine, with which versions, from which notebook. Reads only."""

from __future__ import annotations

import contextlib
import getpass
import importlib.metadata
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from ..facts import Who

PACKAGES = ("lexikon-runbook", "alembic", "sqlalchemy", "psycopg2-binary", "papermill", "ipykernel")
CI_VARIABLES = ("GITHUB_RUN_ID", "CI_PIPELINE_ID", "BUILD_NUMBER", "AIRFLOW_CTX_DAG_RUN_ID")
CLOCK_STEP_S = 10.0  # a clock that is set moves the start time that the system reports


def who() -> Who:
    """The user, the machine, the process and the CI run behind this run."""
    process = psutil.Process()
    return {
        "user": _user(),
        "host": socket.gethostname(),
        "pid": process.pid,
        "pid_namespace": _pid_namespace(),
        "process_started": process.create_time(),
        "ci": {name: os.environ[name] for name in CI_VARIABLES if name in os.environ},
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _pid_namespace() -> str:
    """Where a pid means the same process: containers may share a hostname. "" without Linux."""
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def is_gone(by: Who) -> bool:
    """Whether the process of a record's `who` ran on this machine and lives no more."""
    if (by["host"], by["pid_namespace"]) != (socket.gethostname(), _pid_namespace()):
        return False
    try:
        started = psutil.Process(int(by["pid"])).create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    return bool(abs(started - float(by["process_started"])) > CLOCK_STEP_S)


def versions() -> dict[str, str]:
    """The versions of what a run depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def notebook(parameters: Mapping[str, Any]) -> str | None:
    """Where this kernel's notebook is: in JupyterLab, or as plain Papermill was told.

    None where neither started this kernel.
    """
    if "JPY_SESSION_NAME" in os.environ:
        return os.environ["JPY_SESSION_NAME"]
    try:
        parent = psutil.Process().parent()
        output = _papermill_output(parent.cmdline()) if parent else None
        if parent is None or output is None or "://" in output:
            return output
        named = output.format(**parameters)
        return next(
            (str(folder / named) for folder in _folders(parent) if (folder / named).is_file()),
            None,
        )
    except (psutil.Error, OSError, LookupError, ValueError):
        return None


def _papermill_output(words: Sequence[str]) -> str | None:
    """The second notebook of a Papermill command line; None for another command."""
    if not any("papermill" in Path(word).name for word in words[:3]):
        return None
    values_of = ("-p", "-r", "--parameters", "--parameters_raw")
    notebooks = [
        word
        for number, word in enumerate(words)
        if word.endswith(".ipynb")
        and words[number - 1] not in values_of
        and words[number - 2] not in values_of
    ]
    return notebooks[1] if len(notebooks) > 1 else None


def _folders(parent: psutil.Process) -> list[Path]:
    """Where a relative path may begin; with --cwd, Papermill has left its first folder."""
    shell = parent.parent()
    first = [parent.environ().get("PWD", "/"), shell.cwd() if shell else "/"]
    return [Path(folder) for folder in (*first, parent.cwd())]
