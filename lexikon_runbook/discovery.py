"""Find an Alembic project: its folder, its ini, the ini's sections. Executes nothing of it."""

from __future__ import annotations

import configparser
import contextlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import env_py, settings
from .env_py import Source
from .errors import NOTHING_CHANGED, RunbookError, SettingsError

INI = "alembic.ini"
PYPROJECT = "pyproject.toml"
PLACEHOLDER = "driver://"  # what `alembic init` writes
DEEPEST = 4  # folders below the one that `init` was started in
SKIPPED = ("node_modules", "__pycache__", "site-packages")


@dataclass(frozen=True)
class Section:
    """One database of an ini: its section, and where its env.py takes the URL from."""

    name: str
    env_py: str
    source: Source
    holds_url: bool


@dataclass(frozen=True)
class Found:
    """An Alembic project: the folder for runbook.toml, and the ini relative to it."""

    project: Path
    ini: str
    sections: tuple[Section, ...]


def find(start: Path, given: str = "") -> Found:
    """The Alembic project around `start`, or the one whose ini is `given`. Reads only.

    Looks here and above as the runbooks do, then below. Raises SettingsError when there
    is no ini, more than one, or none that can be used.
    """
    begin = start.resolve()
    ini = _given(begin, given) if given else _only(begin, _candidates(begin))
    project = _owner(begin, ini)
    relative = os.path.relpath(ini, project)
    return Found(project, relative, _sections(project, ini, relative))


def _given(begin: Path, given: str) -> Path:
    ini = (begin / given).resolve()
    if not ini.is_file():
        raise _refuse(f"there is no file {ini}.", "name the ini: lexikon-runbook init --ini PATH")
    return ini


def _candidates(begin: Path) -> list[Path]:
    """The nearest ini upward; else those that a runbook.toml names; else those below."""
    above = [folder / INI for folder in (begin, *begin.parents) if (folder / INI).is_file()]
    if above:
        return above[:1]
    for folder in (begin, *begin.parents):
        if named := _named_in(folder):
            return named
    return sorted(_below(begin, INI))


def _named_in(project: Path) -> list[Path]:
    """The ini files that the targets of a runbook.toml in this folder name."""
    if not (project / settings.FILE).is_file():
        return []
    with contextlib.suppress(RunbookError):
        inis = {target.ini.resolve() for target in settings.targets(project).values()}
        return sorted(ini for ini in inis if ini.is_file())
    return []


def _below(folder: Path, name: str) -> Iterator[Path]:
    """The files of that name under a folder; environments and hidden folders are left out."""
    for here, folders, files in os.walk(folder):
        if "pyvenv.cfg" in files or len(Path(here).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
            continue
        folders[:] = [f for f in folders if not f.startswith(".") and f not in SKIPPED]
        if name in files:
            yield Path(here) / name


def _only(begin: Path, inis: list[Path]) -> Path:
    if len(inis) == 1:
        return inis[0]
    if inis:
        names = [os.path.relpath(ini, begin) for ini in inis]
        raise _refuse(
            f"there are {len(inis)} Alembic projects: {', '.join(names)}.",
            f"name one: lexikon-runbook init --ini {names[0]}",
        )
    for folder in (begin, *begin.parents, *(file.parent for file in _below(begin, PYPROJECT))):
        if _pyproject(folder):
            raise _refuse(
                f"{folder / PYPROJECT} holds [tool.alembic]; the runbooks need an {INI} beside it.",
                f"printf '[alembic]\\n' > {folder / INI} (what pyproject.toml says stays in "
                "force), then lexikon-runbook init",
            )
    raise _refuse(
        f"there is no {INI} in {begin}, above it, or up to {DEEPEST} folders below it.",
        "cd into your Alembic project, or name its ini: lexikon-runbook init --ini PATH; "
        "a new project begins with: alembic init migrations",
    )


def _owner(begin: Path, ini: Path) -> Path:
    """The project folder: the one whose runbook.toml has this ini, else the ini's, else here."""
    for folder in (begin, *begin.parents):
        if ini in _named_in(folder):
            return folder
    return begin if begin in ini.parents else ini.parent


def _sections(project: Path, ini: Path, shown: str) -> tuple[Section, ...]:
    parser = _parsed(ini, shown)
    found = [_section(project, ini, parser, name) for name in parser.sections()]
    usable = tuple(section for section in found if section is not None)
    if not usable:
        raise _refuse(
            f"{shown} has no section whose script_location holds an env.py.",
            f"correct script_location in [alembic] of {shown}; `alembic -c {shown} heads` must "
            "work first.",
        )
    return usable


def _parsed(ini: Path, shown: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(ini.read_text(encoding="utf-8"))
    except configparser.Error as error:
        # The error's own text repeats the line, which may hold a password.
        line = getattr(error, "lineno", None) or (getattr(error, "errors", None) or [(0,)])[0][0]
        where = f"{shown}:{line}" if line else shown
        raise _refuse(f"{where}: not a valid ini file.", "mend that line.") from None
    except (OSError, UnicodeDecodeError):
        raise _refuse(f"{shown} can't be read.", "make it a readable UTF-8 file.") from None
    return parser


def _section(
    project: Path, ini: Path, parser: configparser.RawConfigParser, name: str
) -> Section | None:
    """What a section says, or None when it does not lead to an env.py."""
    written = parser.get(name, "script_location", fallback="")
    if not written and name == "alembic":
        written = _pyproject(ini.parent).get("script_location", "")
    if not written:
        return None
    place = str(written).replace("%(here)s", str(ini.parent)).replace(":", "/")
    file = ini.parent / place / "env.py"
    if not file.is_file():
        return None
    extra = parser.get(name, "prepend_sys_path", fallback=".").replace("%(here)s", ".")
    source = env_py.source(file, (ini.parent / extra, ini.parent, project))
    url = parser.get(name, source.option or env_py.DEFAULT_OPTION, fallback="")
    holds_url = "://" in url and not url.startswith(PLACEHOLDER)
    return Section(name, os.path.relpath(file, project), source, holds_url)


def _pyproject(folder: Path) -> dict[str, object]:
    """[tool.alembic] of the pyproject.toml in a folder; empty when there is none."""
    with contextlib.suppress(OSError, ValueError, LookupError, AttributeError):
        document = tomllib.loads((folder / PYPROJECT).read_text(encoding="utf-8"))
        return dict(document["tool"]["alembic"])
    return {}


def _refuse(happened: str, next_step: str) -> SettingsError:
    return SettingsError(happened, state=NOTHING_CHANGED, next_step=next_step)
