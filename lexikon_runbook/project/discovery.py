"""Find an Alembic project: its folder, what configures it, its Python. Executes nothing of it."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import NOTHING_CHANGED, RunbookError, SettingsError
from ..targets import settings
from . import env_py, flask_app, interpreter, sections
from .sections import ENV_PY, INI, PYPROJECT, Section

MIGRATIONS = "migrations"  # where Flask-Migrate keeps them
DEEPEST = 4  # folders below the one that `init` was started in
SKIPPED = ("node_modules", "__pycache__", *interpreter.INSTALLED)


@dataclass(frozen=True)
class Found:
    """An Alembic project: the folder for runbook.toml, and what stands in it.

    `ini` is the file that configures it, relative to the folder when it lies below: an ini,
    pyproject.toml, or the env.py of a Flask application that needs neither. `python` is "" for
    the one that runs this; `flask` is None without such an application, "" for one not seen.
    """

    project: Path
    ini: str
    sections: tuple[Section, ...]
    python: str = ""
    flask: str | None = None

    @property
    def alembic_ini(self) -> str:
        """What runbook.toml has to say of the ini; "" where nothing."""
        default = self.ini == INI or Path(self.ini).name in (PYPROJECT, ENV_PY)
        return "" if default else self.ini


def find(start: Path, given: str = "") -> Found:
    """The Alembic project around `start`, or the one whose ini is `given`. Reads only.

    Looks here and above as the runbooks do, then below. Raises SettingsError when there
    is no project, more than one, or none that can be used.
    """
    begin = _begin(start)
    config = _given(begin, given) if given else _only(begin, _candidates(begin))
    project = _owner(begin, config)
    python = interpreter.of(project, config.parent)
    where = sections.Where(project, config, interpreter.packages(project, python))
    usable = sections.read(where)
    flask = flask_app.application(project) if any(each.flask for each in usable) else None
    found = Found(project, where.shown(config), usable, python, flask)
    _check_names(found)
    return found


def _begin(start: Path) -> Path:
    try:
        begin = Path(os.path.realpath(start))
    except OSError:
        raise _refuse("the folder that init was started in is gone.", "cd into another.") from None
    if interpreter.is_installed(begin):
        raise _refuse(
            f"{begin} belongs to an installed package, and init does not write there.",
            "cd into a folder of your own, then lexikon-runbook init --ini "
            + shlex.quote(str(begin / INI)),
        )
    return begin


def _given(begin: Path, given: str) -> Path:
    config = Path(os.path.realpath(begin / given))
    if not os.path.isfile(config):
        raise _refuse(
            f"there is no file {config}.", "name the ini: lexikon-runbook init --ini PATH"
        )
    if config.name == PYPROJECT and os.path.isfile(config.with_name(INI)):
        return config.with_name(INI)
    return config


def _candidates(begin: Path) -> list[Path]:
    """The nearest upward, which a runbook.toml may name; else those below."""
    for folder in (begin, *begin.parents):
        if config := _configured(folder) or _of_flask(folder / MIGRATIONS):
            return [config]
        if named := _named_in(folder):
            return named
    return sorted(_below(begin))


def _configured(folder: Path) -> Path | None:
    """What configures Alembic in this folder, as its own command takes it there."""
    if os.path.isfile(folder / INI):
        return folder / INI
    return folder / PYPROJECT if sections.pyproject(folder) else None


def _of_flask(migrations: Path) -> Path | None:
    """What configures Flask-Migrate in its folder; it needs nothing but env.py."""
    if not env_py.is_of_flask(migrations / ENV_PY):
        return None
    return migrations / (INI if os.path.isfile(migrations / INI) else ENV_PY)


def _named_in(project: Path) -> list[Path]:
    """The ini files that the targets of a runbook.toml in this folder name."""
    if not os.path.isfile(project / settings.FILE):
        return []
    with contextlib.suppress(RunbookError):
        inis = {Path(os.path.realpath(t.ini)) for t in settings.targets(project).values()}
        return sorted(ini for ini in inis if os.path.isfile(ini))
    return []


def _below(start: Path) -> Iterator[Path]:
    """The projects under a folder; environments and hidden folders are left out."""
    for here, folders, files in os.walk(start):
        folder = Path(here)
        if "pyvenv.cfg" in files or len(folder.relative_to(start).parts) >= DEEPEST:
            folders.clear()
            continue
        folders[:] = [f for f in folders if not f.startswith(".") and f not in SKIPPED]
        config = _configured(folder) if {INI, PYPROJECT} & {*files} else None
        if folder.name == MIGRATIONS and ENV_PY in files:
            config = config or _of_flask(folder)
        if config:
            yield config


def _only(begin: Path, configs: list[Path]) -> Path:
    if len(configs) == 1:
        return configs[0]
    if configs:
        names = [os.path.relpath(config, begin) for config in configs]
        raise _refuse(
            f"there are {len(configs)} Alembic projects: {', '.join(names)}.",
            f"name one: lexikon-runbook init --ini {shlex.quote(names[0])}",
        )
    raise _refuse(
        f"there is no {INI} in {begin}, above it, or up to {DEEPEST} folders below it, and no "
        f"[tool.alembic] in a {PYPROJECT}.",
        "cd into your Alembic project, or name its ini: lexikon-runbook init --ini PATH; "
        "a new project begins with: alembic init migrations",
    )


def _owner(begin: Path, config: Path) -> Path:
    """The project folder: the one whose runbook.toml has this ini, else the ini's, else here.

    Never an installed package, nor a folder that can't be written.
    """
    real = Path(os.path.realpath(config))
    for folder in (begin, *begin.parents):
        if real in _named_in(folder):
            return folder
    home = _home(begin, config)
    if home == begin or not (interpreter.is_installed(home) or not os.access(home, os.W_OK)):
        return home
    if config.name in (PYPROJECT, ENV_PY):  # each is found in the project's folder only
        raise _refuse(
            f"init does not write into {home}, and {config.name} configures Alembic there only.",
            f"write an {INI} here, with the script_location of that project as a path from /, "
            "then lexikon-runbook init",
        )
    return begin


def _home(begin: Path, config: Path) -> Path:
    """The folder that the project's own command is called in."""
    if config.name == PYPROJECT:
        return config.parent
    if config.name == ENV_PY:
        return config.parent.parent
    if env_py.is_of_flask(config.with_name(ENV_PY)):
        return flask_app.folder(begin, config.parent)
    return begin if begin in config.parents else config.parent


def _check_names(found: Found) -> None:
    """Refuse what can be written in no runbook.toml: a name that is no text, or of two lines."""
    env_pys = (section.env_py for section in found.sections)
    for name in (str(found.project), found.ini, found.python, found.flask or "", *env_pys):
        if not name.isprintable():
            raise _refuse(f"the name {name!a} can't be written in {settings.FILE}.", "rename it.")


def _refuse(happened: str, next_step: str) -> SettingsError:
    return SettingsError(happened, state=NOTHING_CHANGED, next_step=next_step)
