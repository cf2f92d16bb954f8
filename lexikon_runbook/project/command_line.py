"""How the project's own command would be called for a target: its words, its folder, its URL."""

from __future__ import annotations

import configparser
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import NOTHING_CHANGED, HistoryError
from ..targets import urls
from ..targets.settings import Target
from ..targets.urls import Address


def argv(target: Target, words: Sequence[str]) -> list[str]:
    """What stands behind `alembic`: the ini, the section, the `-x` values, the command.

    Reads only whether the ini is there.
    """
    ini = ["-c", str(target.ini)] if target.ini.exists() else []
    x = [word for value in target.x for word in ("-x", value)]
    return [*ini, "-n", target.alembic_section, *x, *words]


def opening(target: Target, url: str, words: Sequence[str]) -> dict[str, Any]:
    """What a worker is opened with, for that URL and that command. Reads files only.

    Raises HistoryError for an ini that can't be read.
    """
    if not target.flask:
        require_ini(target)
    given: dict[str, Any] = {
        "folder": str(folder(target)),
        "argv": argv(target, words),
        "urls": {target.env_py_option: url},
        "variables": {name: url for name in (target.env_py_variable,) if name},
    }
    if target.flask:
        own = {"app": target.flask, "directory": str(_of_flask(target)), "x": list(target.x)}
        given |= {"flask": own, "argv": list(words)}
    return given


def _of_flask(target: Target) -> Path:
    """The migrations folder of a Flask application: the ini's, else the one by default."""
    return target.ini.parent if target.ini.exists() else target.project / "migrations"


def require_ini(target: Target) -> None:
    """Refuse an ini that can't be read, where pyproject.toml does not stand in for it.

    Reads files only; raises HistoryError.
    """
    try:
        target.ini.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError) and _in_pyproject(target):
            return
        raise HistoryError(
            f"{target.ini} can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}.",
            state=NOTHING_CHANGED,
            next_step=f"set alembic_ini of target {target.name} in runbook.toml, relative to "
            f"{target.project}.",
        ) from error


def _in_pyproject(target: Target) -> bool:
    file = target.project / "pyproject.toml"
    return file.exists() and "[tool.alembic" in file.read_text(encoding="utf-8", errors="replace")


def folder(target: Target) -> Path:
    """The folder that the command is called in: the ini's, or the project's where the relative
    script_location of the ini is only there. Reads files only."""
    if target.flask or not target.ini.exists():
        return target.project
    location = written(target, "script_location")
    relative = location and "%(here)s" not in location and ":" not in location
    if relative and not (target.ini.parent / location).exists():
        return target.project if (target.project / location).exists() else target.ini.parent
    return target.ini.parent


def url(target: Target) -> str:
    """The target's URL as env.py is to have it: with the driver that it or the ini names.

    Where neither names one, the worker takes one that the project has. It is the URL as it is
    written where the worker runs, where the target names such a variable. A secret: never print it.
    """
    if there := os.environ.get(target.worker_url_env, "").strip():
        return urls.for_env_py(there, written(target, target.env_py_option))
    return urls.for_env_py(target.url(), written(target, target.env_py_option))


def address(target: Target) -> Address:
    """Where the target's database is, as its URL says. A secret: never print it."""
    return urls.address(target.url())


def written(target: Target, key: str) -> str:
    """A value of the ini, as it is written; "" where it is not there, or can't be read."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(target.ini.read_text(encoding="utf-8"))
        return parser.get(target.alembic_section, key, raw=True, fallback="").strip()
    except (OSError, UnicodeDecodeError, configparser.Error):
        return ""
