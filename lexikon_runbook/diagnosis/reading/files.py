"""The revision files and what lies around them, read as text. Reads files only."""

from __future__ import annotations

import ast
import os
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import RunbookError
from ...project import checkout as revisions
from ...project import command_line, syntax
from ...project.checkout import Folders
from ...project.project import Project
from ...targets.settings import Target
from ..evidence import Checkout, File
from . import env_file

CREATED = re.compile(r"^Create Date: *(.+?)\s*$", re.M)
COMPILED = re.compile(r"(?:\.cpython-\d+)?(?:\.opt-\d)?\.pyc$")


def read(project: Project, refusals: Iterable[RunbookError | None]) -> Checkout:
    """The checkout as text; `refusals` are what reading it through Alembic ended with.

    Raises HistoryError or SettingsError when the ini can't be used.
    """
    target, folders = project.target, project.folders
    said = [str(r) for r in refusals if r]
    files = tuple(_file(target, path) for path in folders.files())
    env_path = folders.script / "env.py"
    text = env_path.read_text(encoding="utf-8") if env_path.exists() else ""
    env_name = relative(target, env_path)
    places = [(name, line, file.path) for file in files for name, line in file.imports]
    places += [(name, line, env_name) for name, line in _imports(syntax.parse(text))]
    return Checkout(
        files=files,
        env_py=env_file.read(env_name, text),
        missing=tuple(_missing(places, said)),
        shadows=tuple(relative(target, path) for path in _shadows(target)),
        sourceless=tuple(relative(target, path) for path in _sourceless(folders)),
        timezone=_timezone(target),
    )


def relative(target: Target, path: Path) -> str:
    """A path as the user would write it in the project's folder. Pure."""
    return os.path.relpath(path, target.project)


def _file(target: Target, path: Path) -> File:
    name = relative(target, path)
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except SyntaxError as error:
        return File(name, broken=f"syntax error: {error.msg}", broken_line=error.lineno or 0)
    except (OSError, ValueError) as error:
        return File(name, broken=f"can't be read as Python: {type(error).__name__}")
    values, lines = revisions.assignments(tree), dict(_assigned(tree))
    id_line, id_start = _start(text, lines.get("revision"))
    down_line, down_start = _start(text, lines.get("down_revision"))
    created = CREATED.search(ast.get_docstring(tree) or "")
    own = values.get("revision")
    return File(
        path=name,
        id=own if isinstance(own, str) else "",
        id_line=id_line,
        id_start=id_start,
        down=_ids(values.get("down_revision")),
        down_line=down_line,
        down_start=down_start,
        depends=_ids(values.get("depends_on")),
        created=created[1] if created else "",
        imports=tuple(_imports(tree)),
        swallows=tuple(syntax.swallowed(text, "upgrade")),
        widens="version_num" in text,
    )


def _start(text: str, place: tuple[int, int] | None) -> tuple[int, str]:
    """The line of a value, and what stands in it before the value."""
    if place is None:
        return 0, ""
    line, column = place
    return line, text.splitlines()[line - 1].encode()[:column].decode()


def _assigned(tree: ast.Module) -> Iterator[tuple[str, tuple[int, int]]]:
    """The line and the column of each value that is assigned to a name in one line."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name) and node.lineno == node.end_lineno:
            yield target.id, (node.lineno, node.value.col_offset)


def _ids(value: Any) -> tuple[str, ...]:
    many = value if isinstance(value, tuple | list | set) else [value]
    return tuple(each for each in many if isinstance(each, str))


def _imports(tree: ast.Module | None) -> Iterator[tuple[str, int]]:
    """The top-level packages that a module imports at its top, with the lines."""
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


def _missing(
    places: Iterable[tuple[str, int, str]], said: Sequence[str]
) -> Iterator[tuple[str, int, str]]:
    """Where a module is imported that the project's Python did not find, by the name it said."""
    for name, line, path in places:
        if any(f"No module named '{name}'" in text for text in said):
            yield path, line, name


def _shadows(target: Target) -> Iterator[Path]:
    """What Python would import as `alembic` in the project's folder."""
    for folder in dict.fromkeys((target.project, target.ini.parent)):
        for path in (folder / "alembic" / "__init__.py", folder / "alembic.py"):
            if path.exists():
                yield path


def _sourceless(folders: Folders) -> Iterator[Path]:
    if not folders.sourceless:
        return
    for location in dict.fromkeys(folders.versions):
        for compiled in sorted((*location.glob("*.pyc"), *location.glob("__pycache__/*.pyc"))):
            if not (location / COMPILED.sub(".py", compiled.name)).exists():
                yield compiled


def _timezone(target: Target) -> tuple[str, int]:
    """The ini's time zone and its line, when this machine does not know it."""
    name = command_line.written(target, "timezone")
    for spelled in filter(None, (name, name.upper(), name.title())):
        try:
            zoneinfo.ZoneInfo(spelled)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
        return "", 0
    lines = target.ini.read_text(encoding="utf-8").splitlines() if name else ()
    number = (n for n, line in enumerate(lines, 1) if re.match(r"\s*timezone\s*[=:]", line))
    return name, next(number, 0)
