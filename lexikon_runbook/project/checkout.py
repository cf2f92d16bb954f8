"""The revision files of a checkout, read as text before Alembic imports them.

Alembic warns of two files with one id, and reports a missing parent or a syntax error
without the place; a person at 3 a.m. needs the file and the line.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import NOTHING_CHANGED, HistoryError

IGNORED = ("__init__", ".#")  # as Alembic does; .# is an editor's lock


@dataclass(frozen=True)
class Folders:
    """Where Alembic finds env.py and the revision files, as it has resolved its configuration."""

    script: Path
    versions: tuple[Path, ...]
    recursive: bool = False
    sourceless: bool = False

    @classmethod
    def told(cls, opened: Mapping[str, Any]) -> Folders:
        """As a worker tells them when it is opened. Pure."""
        return cls(
            script=Path(opened["dir"]),
            versions=tuple(Path(each) for each in opened["folders"]),
            recursive=bool(opened["recursive"]),
            sourceless=bool(opened["sourceless"]),
        )

    def files(self) -> list[Path]:
        """The revision files that Alembic would import, by name in each folder. Reads only."""
        pattern = "**/*.py" if self.recursive else "*.py"
        return [
            file
            for folder in dict.fromkeys(path.resolve() for path in self.versions)
            for file in sorted(folder.glob(pattern))
            if not file.name.startswith(IGNORED)
        ]


def check(files: Iterable[Path]) -> None:
    """Refuse what Alembic would only warn of, or report without the file's name."""
    owner: dict[str, Path] = {}
    parents: list[tuple[str, Path]] = []
    for file in files:
        names = _assignments(file)
        own, down = names.get("revision"), names.get("down_revision")
        if isinstance(own, str) and own in owner:
            raise broken(
                f"revision {own} is in two files: {owner[own]} and {file}.",
                "give one of them a new `revision` and repair its children's `down_revision`.",
                "duplicate-revision",
            )
        if isinstance(own, str):
            owner[own] = file
        parents += [(parent, file) for parent in _parents(down)]
    for parent, file in parents:
        if parent not in owner and not any(own.startswith(parent) for own in owner):
            raise broken(
                f"{file} follows revision {parent}, and no file has that revision.",
                "add the missing file (git log --all -- the versions folder) or correct "
                "`down_revision`.",
                "missing-parent",
            )


def _parents(down: Any) -> list[str]:
    """The ids in a `down_revision`; what is none is left to Alembic to refuse."""
    downs = down if isinstance(down, tuple | list | set) else [down]
    return [parent for parent in downs if isinstance(parent, str)]


def checksum(text: bytes) -> str:
    """SHA-256 of a revision file, 64 hexadecimal digits. Pure."""
    return hashlib.sha256(text).hexdigest()


def _assignments(file: Path) -> Mapping[str, Any]:
    """The literal values assigned at a revision file's top level."""
    try:
        return literals(file.read_bytes())
    except SyntaxError as error:
        raise broken(
            f"{file}:{error.lineno}: syntax error: {error.msg}.",
            "mend that line.",
            "syntax-error",
        ) from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise broken(f"{file} can't be read as Python.", "make it a UTF-8 text file.") from error


@lru_cache(maxsize=4096)
def literals(text: bytes) -> Mapping[str, Any]:
    """The literal values assigned at a module's top level, and its docstring as `__doc__`. Pure.

    Raises SyntaxError or ValueError for what is no Python in UTF-8. Cached: each reading of a
    checkout begins with every file's text.
    """
    tree = ast.parse(text.decode("utf-8"))
    found: dict[str, Any] = {"__doc__": ast.get_docstring(tree)}
    return MappingProxyType(found | assignments(tree))


def assignments(tree: ast.Module) -> dict[str, Any]:
    """The literal values assigned at a module's top level. Pure."""
    found: dict[str, Any] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and value is not None:
            try:
                found[targets[0].id] = ast.literal_eval(value)
            except ValueError:
                continue
    return found


def line_in(files: Sequence[Path], told: Mapping[str, Any]) -> str:
    """The innermost line of a revision file that an error came through, as `file:line: `. Pure."""
    names = {str(file) for file in files}
    own = [frame for frame in told["frames"] if frame[0] in names]
    return f"{own[-1][0]}:{own[-1][1]}: " if own else ""


def broken(happened: str, next_step: str, finding: str = "") -> HistoryError:
    """A refusal of the history, and its diagnosis where there is one. Pure."""
    return HistoryError(happened, state=NOTHING_CHANGED, next_step=next_step, finding=finding)
