"""The layout of a revision's Python: as the project's own ruff settings have it.

ruff is run on the text, and no file is touched. Where it is not installed the text stays as
Alembic gives it.
"""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..show.render import shorten

WIDTH = 100
LIMIT_S = 60.0
MISSING = "ruff is not installed here; pip install 'lexikon-runbook[author]' brings it"


@dataclass(frozen=True)
class Laid:
    """A file's bytes, and why they are as they are."""

    data: bytes
    why: str


class NotLaidOut(Exception):
    """ruff did not lay the text out, and why."""


def for_reading(code: str) -> str:
    """Lines of Python in at most WIDTH columns; as they are where ruff can't do it. Runs ruff."""
    words = ("format", "--isolated", f"--line-length={WIDTH}", "--stdin-filename=code.py")
    try:
        return _run(words, code.encode(), Path.cwd()).decode().rstrip("\n")
    except NotLaidOut:
        return code


def of_file(data: bytes, file: Path) -> Laid:
    """The bytes as `ruff check --fix` and `ruff format` would leave them in that file. Runs ruff.

    Where no ruff settings are above the file, they stay as they are.
    """
    settings = _settings(file)
    if settings is None:
        return Laid(data, "as script.py.mako gives it: the project has no settings for ruff")
    given = ("--force-exclude", f"--stdin-filename={file}")
    try:
        fixed = _run(("check", "--fix-only", *given), data, settings.parent)
        return Laid(
            _run(("format", *given), fixed, settings.parent), f"by ruff, as {settings} has it"
        )
    except NotLaidOut as error:
        return Laid(data, f"as script.py.mako gives it: {error}")


def parsed(code: str) -> ast.Module | None:
    """Lines of Python as a tree; None for what is none. Pure."""
    try:
        return ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError):
        return None


def _settings(file: Path) -> Path | None:
    """The file that ruff takes its settings for this one from. Reads files only."""
    for folder in file.parents:
        for name in (".ruff.toml", "ruff.toml"):
            if (folder / name).is_file():
                return folder / name
        if _has_ruff(folder / "pyproject.toml"):
            return folder / "pyproject.toml"
    return None


def _has_ruff(pyproject: Path) -> bool:
    try:
        return "ruff" in tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def _program() -> Sequence[str]:
    if importlib.util.find_spec("ruff"):
        return (sys.executable, "-m", "ruff")
    if there := shutil.which("ruff"):
        return (there,)
    raise NotLaidOut(MISSING)


def _run(words: Sequence[str], data: bytes, folder: Path) -> bytes:
    command = [*_program(), words[0], "--quiet", "--no-cache", *words[1:], "-"]
    try:
        run = subprocess.run(
            command, input=data, capture_output=True, cwd=folder, timeout=LIMIT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise NotLaidOut(f"ruff says: {shorten(said, 200)}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLaidOut(f"ruff can't be run: {type(error).__name__}") from None
    return run.stdout
