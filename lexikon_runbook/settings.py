"""Targets: which database a name means, and the policy for changing it.

`runbook.toml` names them; with no such file `DATABASE_URL` is the target
`default` and the embedded server is the target `demo`. A URL is never written
in the file and never part of a value's text.
"""

from __future__ import annotations

import difflib
import html
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from . import embedded, masking
from .errors import NOTHING_CHANGED, SettingsError

FILE = "runbook.toml"
DEMO = "demo"
HEADING = re.compile(r"\s*\[+([^\[\]]+)\]")
BARE = re.compile(r"[\"'\s]")
KEY = re.compile(r"\s*([^#=\[\]]+?)\s*=")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True)
class Target:
    """One named database environment. Holds where its URL comes from, never the URL."""

    name: str
    project: Path
    alembic_ini: str = "alembic.ini"
    alembic_section: str = "alembic"
    url_env: str = ""
    service: str = ""
    env_py_variable: str = ""
    env_py_option: str = "sqlalchemy.url"
    throwaway_url_env: str = ""
    protection: Literal["open", "protected"] = "open"
    health_url: str = ""
    restart: str = ""
    logs: str = ""
    lock_timeout_max_s: float = 30.0
    statement_timeout_max_s: float = 86400.0
    archive: Path = field(default=Path("archive"))

    @property
    def ini(self) -> Path:
        """Where the project's alembic.ini is."""
        return self.project / self.alembic_ini

    @property
    def protected(self) -> bool:
        """Whether every change, also one without a finding, needs the plan's digest."""
        return self.protection == "protected"

    @property
    def embedded(self) -> bool:
        """Whether the database is the demo's, on the embedded server."""
        return not self.url_env and not self.service

    @property
    def source(self) -> str:
        """Where the URL comes from, in words."""
        if self.url_env:
            return f"environment variable {self.url_env}"
        return f"libpq service {self.service}" if self.service else "embedded server"

    def url(self) -> str:
        """The URL of the database, as the user wrote it. A secret: never print it.

        Reads only. Raises SettingsError when the variable is not set, or the embedded
        server does not run.
        """
        if self.service:
            return f"postgresql:///?service={quote(self.service, safe='')}"
        if self.url_env:
            return self._url_from_environment()
        return self._url_of_embedded()

    def _url_of_embedded(self) -> str:
        running = embedded.url(self.project)
        if running is None:
            raise SettingsError(
                "the demo's server does not run.",
                state=NOTHING_CHANGED,
                next_step="lexikon-runbook demo start",
            )
        return running

    def _url_from_environment(self) -> str:
        value = os.environ.get(self.url_env, "").strip()
        if not value:
            raise SettingsError(
                f"target {self.name} takes its URL from {self.url_env}, which is not set.",
                state=NOTHING_CHANGED,
                next_step=f"export {self.url_env}=postgresql://USER:PASSWORD@HOST:5432/DATABASE",
            )
        return value

    def mask(self, text: str) -> str:
        """The text without this target's password, and without any password or token in a URL."""
        return masking.mask(text, self._secrets())

    def _secrets(self) -> list[str]:
        """The passwords in the environment and the health URL: as written, decoded, escaped."""
        named = [name for name in (self.url_env, self.throwaway_url_env) if name]
        found = {os.environ.get("PGPASSWORD", "")}
        for text in (*(os.environ.get(name, "") for name in named), self.health_url):
            found |= masking.passwords(text)
        found |= {html.escape(secret) for secret in found}  # as a cell's output shows it
        return sorted((s for s in found if len(s) > 2), key=len, reverse=True)


VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|")
NAMING = {
    **dict.fromkeys(("url_env", "env_py_variable", "throwaway_url_env"), VARIABLE),
    "service": re.compile(r"[^\s/=@]*"),
}
EXAMPLES = {
    "url_env": "DATABASE_URL",
    "env_py_variable": "DB_URL",
    "throwaway_url_env": "THROWAWAY_URL",
    "service": "production",
}
WRITABLE = {f.name: f for f in fields(Target) if f.name not in ("name", "project", "archive")}


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
    file = project / FILE
    document = _document(file) if file.exists() else {}
    archive = project / str(document.get("archive", "archive"))
    named = {
        "default": Target("default", project, url_env="DATABASE_URL", archive=archive),
        DEMO: Target(DEMO, project, archive=archive),
    }
    for name, values in _tables(file, document).items():
        named[name] = _target(file, name, project, values, archive)
    return named


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
        f"there is no target {name!r}{_nearest(name, known)}.",
        state=NOTHING_CHANGED,
        next_step=f"use one of {', '.join(known)}, or add [targets.{_bare(name)}] to {FILE}.",
    )


def _bare(name: str) -> str:
    return name if NAME.fullmatch(name) else "NAME"


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(name), list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _refuse(file: Path, happened: str, next_step: str, line: int | None = None) -> SettingsError:
    where = f"{file}:{line}" if line else str(file)
    return SettingsError(f"{where}: {happened}", state=NOTHING_CHANGED, next_step=next_step)


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at[1]) if at else None
        raise _refuse(file, f"not valid TOML: {error}", "mend that line.", line) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _refuse(file, f"can't be read: {error}", "make it a readable UTF-8 file.") from error


def _tables(file: Path, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    for key in document:
        if key not in ("targets", "archive"):
            hint = _nearest(key, {"targets": 0, "archive": 0})
            advice = "only `archive` and [targets.NAME] may stand at the top."
            raise _refuse(file, f"unknown key {key!r}{hint}", advice, _line(file, key))
    if not isinstance(document.get("archive", ""), str):
        raise _refuse(file, "archive must be text", 'archive = "archive"', _line(file, "archive"))
    tables = document.get("targets", {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        advice = "write each target as a table: [targets.production]"
        raise _refuse(file, "targets must hold tables", advice, _line(file, "targets"))
    return tables


def _target(file: Path, name: str, project: Path, values: dict[str, Any], archive: Path) -> Target:
    if not NAME.fullmatch(name):
        advice = "use letters, digits, dot, dash and underscore, at most 63."
        raise _refuse(file, f"{name!r} can't name a target", advice, _line(file, f"targets.{name}"))
    for key, value in values.items():
        _check(file, name, key, value)
    if name != DEMO and bool(values.get("url_env")) == bool(values.get("service")):
        raise _refuse(
            file,
            f"target {name} needs one source of its URL",
            f'give [targets.{name}] either url_env = "DATABASE_URL" or service = "NAME".',
            _line(file, f"targets.{name}"),
        )
    return Target(name, project, archive=archive, **values)


def _check(file: Path, name: str, key: str, value: Any) -> None:
    line = _line(file, f"targets.{name}.{key}")
    if key in ("url", "password", "dsn"):
        advice = f'delete it, and write url_env = "DATABASE_URL" in [targets.{name}].'
        raise _refuse(file, f"{key}: secrets are not read from this file", advice, line)
    if key not in WRITABLE:
        advice = f"known keys: {', '.join(WRITABLE)}."
        raise _refuse(file, f"unknown key {key!r}{_nearest(key, WRITABLE)}", advice, line)
    if key.endswith("_s"):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value <= 86400:
            raise _refuse(file, f"{key} must be seconds, above 0", f"{key} = 2.0", line)
    elif not isinstance(value, str):
        raise _refuse(file, f"{key} must be text", f'{key} = "..."', line)
    elif key == "protection" and value not in ("open", "protected"):
        advice = 'protection = "open" or protection = "protected"'
        raise _refuse(file, f"{value!r} is no protection level", advice, line)
    elif key in NAMING and not NAMING[key].fullmatch(value):
        advice = f'write a name, {key} = "{EXAMPLES[key]}", and keep the URL out of this file.'
        raise _refuse(file, f"{key} does not hold a name", advice, line)
    elif key == "health_url" and not value.startswith(("http://", "https://")):
        advice = 'health_url = "http://127.0.0.1:8000/health"'
        raise _refuse(file, f"{value!r} is no web address", advice, line)


def _line(file: Path, path: str) -> int | None:
    """The line of a dotted path (`targets.production.url`): its key, or its table's heading."""
    path, table = BARE.sub("", path), ""
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        written = HEADING.match(text) or KEY.match(text)
        if written is None:
            continue
        name = BARE.sub("", written[1])
        if written.re is HEADING:
            table, name = name, ""
        here = f"{table}.{name}".strip(".")
        if here == path or here.startswith(f"{path}."):
            return number
    return None
