"""Keys and values as somebody wrote them, and where: a mistake is answered with its line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NOTHING_CHANGED, SettingsError
from .keys import FOR_ALL, KEYS, SECRET

HEADING = re.compile(r"\s*\[+([^\[\]]+)\]")
BARE = re.compile(r"[\"'\s]")
KEY = re.compile(r"\s*([^#=\[\]]+?)\s*=")


@dataclass(frozen=True)
class Table:
    """One table of a TOML file, or a row that came from elsewhere (no `file`).

    `path` is the table's name in dots, "" at the top; `name` is the table in a sentence.
    """

    values: Mapping[str, Any]
    name: str
    path: str = ""
    file: Path | None = None

    def refusal(self, happened: str, next_step: str, key: str = "") -> SettingsError:
        """What is wrong with that key, or with the table; where it stands is said before it."""
        where = self.name
        if self.file is not None:
            line = _line(self.file, ".".join(part for part in (self.path, key) if part))
            where = f"{self.file}:{line}" if line else str(self.file)
        return SettingsError(f"{where}: {happened}", state=NOTHING_CHANGED, next_step=next_step)

    def check(self, of_all: Mapping[str, Any]) -> None:
        """Refuse a key that a target does not have, a secret, and a value that does not fit.

        `of_all` is what is said of all targets, which an empty value takes away from this one.
        """
        for key, value in self.values.items():
            self._refuse_secret(key, self.name)
            if key == "archive":
                advice = "write it at the top of the file."
                raise self.refusal("archive is for all targets", advice, key)
            if key not in KEYS:
                advice = f"known keys: {', '.join(KEYS)}."
                raise self.refusal(f"unknown key {key!r}{nearest(key, KEYS)}", advice, key)
            self._check_value(key, value, instead=key in of_all)

    def check_for_all(self) -> None:
        """Refuse what may not stand at the top of the file."""
        for key, value in self.values.items():
            self._refuse_secret(key, "[targets.NAME]")
            if key in KEYS and not KEYS[key].for_all:
                advice = "write it in the table of that target: [targets.NAME]"
                raise self.refusal(f"{key} is of one target", advice, key)
            if key not in (*FOR_ALL, "targets"):
                advice = f"at the top may stand {', '.join(FOR_ALL)} and [targets.NAME]."
                near = nearest(key, ("targets", *FOR_ALL))
                raise self.refusal(f"unknown key {key!r}{near}", advice, key)
            if key in KEYS:
                self._check_value(key, value)
        archive = self.values.get("archive", "archive")
        if not archive or not isinstance(archive, str):
            what = "is empty" if archive == "" else "must be text"
            raise self.refusal(f"archive {what}", 'archive = "archive"', "archive")

    def _refuse_secret(self, key: str, table: str) -> None:
        if key in SECRET:
            advice = f'delete it, and write url_env = "DATABASE_URL" in {table}.'
            raise self.refusal(f"{key}: secrets are not read from here", advice, key)

    def _check_value(self, key: str, value: Any, *, instead: bool = False) -> None:
        if fault := KEYS[key].fault(value, instead=instead):
            raise self.refusal(*fault, key)

    def tables(self, key: str) -> dict[str, Table]:
        """The tables below that key, in their order."""
        below = self.values.get(key, {})
        if not isinstance(below, dict) or not all(isinstance(t, dict) for t in below.values()):
            advice = "write each target as a table: [targets.production]"
            raise self.refusal(f"{key} must hold tables", advice, key)
        return {
            name: Table(values, f"[{key}.{name}]", f"{key}.{name}", self.file)
            for name, values in below.items()
        }


def read(file: Path) -> Table:
    """The top of a TOML file; one that is not there is empty. Raises SettingsError."""
    top = Table({}, file.name, file=file)
    try:
        return Table(tomllib.loads(file.read_text(encoding="utf-8")), file.name, file=file)
    except FileNotFoundError:
        return top
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        raise SettingsError(
            f"{file}{f':{at[1]}' if at else ''}: not valid TOML: {error}",
            state=NOTHING_CHANGED,
            next_step="mend that line.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file}: can't be read: {error}",
            state=NOTHING_CHANGED,
            next_step="make it a readable UTF-8 file.",
        ) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known name resembles it."""
    near = difflib.get_close_matches(str(name), list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


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
