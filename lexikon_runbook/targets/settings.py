"""The targets of a project: those of `runbook.toml`, and those that are always there.

`DATABASE_URL` is the target `default`, and the embedded server is the target `demo`. A URL is
never written in the file and never part of a value's text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import NOTHING_CHANGED, SettingsError
from . import embedded, table
from .keys import KEYS
from .table import Table
from .target import PYTHON_VARIABLE, Target

__all__ = ["DEMO", "FILE", "PYTHON_VARIABLE", "Target", "from_row", "target", "targets"]

FILE = "runbook.toml"
DEMO = "demo"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def project_folder(start: Path | None = None) -> Path:
    """The project a runbook was started in: the nearest folder with runbook.toml or alembic.ini.

    Looks upward from `start` (default: LEXIKON_RUNBOOK_PROJECT, then the working
    folder). Raises SettingsError when there is none.
    """
    begin = (start or Path(os.environ.get("LEXIKON_RUNBOOK_PROJECT") or Path.cwd())).resolve()
    for name in (FILE, "alembic.ini"):
        for folder in (begin, *begin.parents):
            if (folder / name).is_file():
                return folder
    raise SettingsError(
        f"no {FILE} and no alembic.ini in {begin} or above it.",
        state=NOTHING_CHANGED,
        next_step="cd into your Alembic project (or set LEXIKON_RUNBOOK_PROJECT to its folder).",
    )


def targets(project: Path) -> dict[str, Target]:
    """Every target of a project by name, the built-in `default` and `demo` included. Reads only."""
    top = _top(project)
    by_name = {
        "default": Table({"url_env": "DATABASE_URL"}, "default"),
        DEMO: Table({}, DEMO),
        **top.tables("targets"),
    }
    return {name: _target(name, project, own, top) for name, own in by_name.items()}


def from_row(name: str, project: Path, row: Mapping[str, Any]) -> Target:
    """A target of the project that stands in no file, from a row of keys and values. Reads only.

    Its URL comes by reference, as in a file: `url_env` or `service`. A value of None is none; what
    the file says of all targets is said of this one. Raises SettingsError.
    """
    values = {key: value for key, value in row.items() if value is not None}
    return _target(name, project, Table(values, f"the row of target {name!r}"), _top(project))


def chosen(name: str, project: Path, *, changes: bool) -> Target:
    """The target of that name; for "" the first of the file, without one `default`. Reads only.

    In Lexikon's own checkout "" is the demo, which nobody misses; elsewhere it never is. Raises
    SettingsError for a name that is not known, and for "" when the run `changes` its database
    and that one is protected, or not the only one.
    """
    if name:
        return target(name, project)
    known = targets(project)
    if known[DEMO].embedded and embedded.is_lexikon(project):
        return known[DEMO]
    written = [known[name] for name in _top(project).tables("targets")]
    named = [each for each in written if not each.embedded] or [known["default"]]
    if changes and (named[0].protected or len(named) > 1):
        raise SettingsError(
            f"which one? {', '.join(each.name for each in named)}. This run changes a database, "
            "and no target is named.",
            state=NOTHING_CHANGED,
            next_step=f"name it: -p target={named[0].name} (in JupyterLab: the parameters cell).",
        )
    return named[0]


def archive_folder(project: Path) -> Path:
    """Where the records go, also when runbook.toml can't be read."""
    try:
        return targets(project)[DEMO].archive
    except SettingsError:
        return project / "archive"


def target(name: str, project: Path | None = None) -> Target:
    """The target of that name. Reads only; raises SettingsError naming the known ones."""
    known = targets(project or project_folder())
    if name in known:
        return known[name]
    raise SettingsError(
        f"there is no target {name!r}{table.nearest(name, known)}.",
        state=NOTHING_CHANGED,
        next_step=f"use one of {', '.join(known)}, or add [targets.{_bare(name)}] to {FILE}.",
    )


def _bare(name: str) -> str:
    return name if NAME.fullmatch(name) else "NAME"


def _top(project: Path) -> Table:
    """The top of the project's file, checked."""
    top = table.read(project / FILE)
    top.check_for_all()
    return top


def _target(name: str, project: Path, own: Table, top: Table) -> Target:
    """A target of what its table says, and of what is said of all."""
    if not NAME.fullmatch(name):
        advice = "use letters, digits, dot, dash and underscore, at most 63."
        raise own.refusal(f"{name!r} can't name a target", advice)
    own.check(top.values)
    sources = [key for key in ("url_env", "service") if own.values.get(key)]
    if len(sources) != 1 and (sources or name != DEMO):
        raise own.refusal(
            f"target {name} needs one source of its URL",
            f'give {own.name} either url_env = "DATABASE_URL" or service = "NAME".',
        )
    # Without a source it is the demo of Lexikon: another project's Python is not for it.
    given = {**(_for_all(own, top) if sources else {}), **own.values}
    values: dict[str, Any] = {
        key: tuple(value) if KEYS[key].kind == "texts" else value for key, value in given.items()
    }
    archive = project / str(top.values.get("archive", "archive"))
    return Target(name, project, archive=archive, **values)


def _for_all(own: Table, top: Table) -> dict[str, Any]:
    """What is said of all targets; a `python` of one's own goes before a `worker` for all."""
    said = {key: value for key, value in top.values.items() if key in KEYS}
    if own.values.get("python"):
        said.pop("worker", None)
    return said
