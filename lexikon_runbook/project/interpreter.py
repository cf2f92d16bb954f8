"""The Python that a project brings, and where its packages are. Reads names; starts nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

INSTALLED = ("site-packages", "dist-packages")
ENVIRONMENTS = (".venv", "venv")


def is_installed(folder: Path) -> bool:
    """Whether a folder belongs to a package that pip or the system has installed. Pure."""
    return any(part in INSTALLED for part in folder.parts)


def of(project: Path, home: Path) -> str:
    """The project's own Python, as runbook.toml has it; "" where that is the one that runs this.

    That of the environment that `home` (the ini's folder) is installed in, else of one beside
    runbook.toml, else of one beside the ini.
    """
    for environment in _environments(project, home):
        python = environment / "bin" / "python"
        if os.path.isfile(python) and os.access(python, os.X_OK):
            if os.path.realpath(environment) == os.path.realpath(sys.prefix):
                return ""
            # Not resolved: a virtual environment's Python is a link, and knows itself by its place.
            inside = project in python.parents
            return str(python.relative_to(project) if inside else python)
    return ""


def _environments(project: Path, home: Path) -> Iterator[Path]:
    yield from (f for f in (home, *home.parents) if os.path.isfile(f / "pyvenv.cfg"))
    for folder in (project, home):
        yield from (folder / name for name in ENVIRONMENTS)


def packages(project: Path, python: str) -> tuple[Path, ...]:
    """The folders that this Python imports packages from."""
    if not python:
        return tuple(Path(each) for each in sys.path if each)
    environment = (project / python).parent.parent
    return tuple(sorted(environment.glob("lib/python*/site-packages")))
