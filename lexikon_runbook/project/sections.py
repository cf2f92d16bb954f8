"""The databases that an ini or a pyproject.toml configures, as text. Executes nothing of them."""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NOTHING_CHANGED, SettingsError
from . import env_py, flask_app
from .env_py import Source

INI = "alembic.ini"
PYPROJECT = "pyproject.toml"
ENV_PY = "env.py"
MAIN = "alembic"
PLACEHOLDER = "driver://"  # what `alembic init` writes
# An ini may hold the logging's sections besides; what [DEFAULT] says is said of them, too.
NO_DATABASE = re.compile("(logger|handler|formatter)(s|_.*)|post_write_hooks")
Ini = configparser.RawConfigParser


@dataclass(frozen=True)
class Where:
    """The folder of a project, the file that configures it, and where its packages are."""

    project: Path
    config: Path
    packages: tuple[Path, ...] = ()

    def shown(self, path: Path) -> str:
        """A path as runbook.toml has it: relative when it lies in the project. Pure."""
        inside = self.project in path.parents
        return str(path.relative_to(self.project) if inside else path)


@dataclass(frozen=True)
class Section:
    """One database: its section, its env.py, and where that one takes the URL from.

    `env_py` is "" where script_location names a package (`location`) that was not found.
    """

    name: str
    env_py: str
    source: Source
    holds_url: bool = False
    flask: bool = False
    location: str = ""


def read(where: Where) -> tuple[Section, ...]:
    """What the file configures, one or more. Raises SettingsError when it is nothing usable."""
    config = where.config
    parser = Ini()
    if config.name not in (PYPROJECT, ENV_PY):
        parser = _parsed(config, where.shown(config))
    names = [name for name in parser.sections() if not NO_DATABASE.fullmatch(name)]
    known = (_section(where, parser, name) for name in names or [MAIN])
    usable = tuple(section for section in known if section is not None)
    if not usable:
        shown = where.shown(config)
        option = "" if config.name == PYPROJECT else f"-c {shown} "
        raise _refuse(
            f"{shown} has no section whose script_location holds an env.py.",
            f"correct script_location in {_table(config)} of {shown}; `alembic {option}heads` "
            "must work first.",
        )
    return usable


def _table(config: Path) -> str:
    return "[tool.alembic]" if config.name == PYPROJECT else f"[{MAIN}]"


def pyproject(folder: Path) -> dict[str, Any]:
    """[tool.alembic] of the pyproject.toml in a folder; empty when there is none."""
    errors = (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError)
    if os.path.isfile(folder / PYPROJECT):
        with contextlib.suppress(*errors):
            document = tomllib.loads((folder / PYPROJECT).read_text(encoding="utf-8"))
            return dict(document["tool"]["alembic"])
    return {}


def _parsed(ini: Path, shown: str) -> Ini:
    parser = Ini()
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


def _section(where: Where, parser: Ini, name: str) -> Section | None:
    """What a section says, or None when it does not lead to an env.py."""
    home = where.config.parent
    if name == MAIN and env_py.is_of_flask(home / ENV_PY):
        return _section_of_flask(where, parser)
    besides = pyproject(home) if name == MAIN else {}
    location = str(_value(parser, name, "script_location", besides))
    if not location:
        return None
    paths = _value(parser, name, "prepend_sys_path", besides) or "."
    roots = tuple(dict.fromkeys(_roots(where, paths)))
    file = _env_py(where, location.replace("%(here)s", str(home)), roots)
    if file is None:
        in_a_package = ":" in location and not location.startswith(("/", "%"))
        return Section(name, "", Source(), location=location) if in_a_package else None
    source = env_py.source(file, roots)
    url = _value(parser, name, source.option or env_py.DEFAULT_OPTION, {})
    return Section(name, where.shown(file), source, _holds_url(url))


def _section_of_flask(where: Where, parser: Ini) -> Section:
    """The section of an application that takes the folder of its ini for script_location."""
    source = env_py.source_beside(flask_app.files(where.project), (where.project,))
    url = _value(parser, MAIN, env_py.DEFAULT_OPTION, {})
    shown = where.shown(where.config.with_name(ENV_PY))
    return Section(MAIN, shown, source, _holds_url(url), flask=True)


def _value(parser: Ini, section: str, key: str, besides: dict[str, Any]) -> Any:
    """What the ini says, else pyproject.toml beside it."""
    written = parser.get(section, key, fallback="") if parser.has_section(section) else ""
    return written or besides.get(key, "")


def _holds_url(text: Any) -> bool:
    return "://" in str(text) and not str(text).startswith(PLACEHOLDER)


def _roots(where: Where, paths: Any) -> Iterator[Path]:
    """Where the project's own modules may be."""
    home = where.config.parent
    texts = paths if isinstance(paths, list) else re.split(r"[,:;\s]", str(paths))
    for text in texts:
        yield home / str(text).replace("%(here)s", str(home))
    for folder in (home, where.project):
        yield from (folder, folder / "src")


def _env_py(where: Where, location: str, roots: tuple[Path, ...]) -> Path | None:
    """The env.py of a script_location: a path, or PACKAGE:PATH."""
    places = [folder / location for folder in (where.config.parent, where.project)]
    if ":" in location and not os.path.isabs(location):
        package, *inside = location.split(":")
        parts = (*package.split("."), *inside)
        places = [root.joinpath(*parts) for root in (*roots, *where.packages)]
    files = (Path(os.path.normpath(place / ENV_PY)) for place in places)
    return next((file for file in files if os.path.isfile(file)), None)


def _refuse(happened: str, next_step: str) -> SettingsError:
    return SettingsError(happened, state=NOTHING_CHANGED, next_step=next_step)
