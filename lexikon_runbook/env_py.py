"""Where a project's env.py takes its URL from, seen in its text. Nothing of it is executed.

env.py is code, so this is a guess, and one that is written where a person reads it: in
runbook.toml. A wrong one stops at Preflight, which compares the databases.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEFAULT_OPTION = "sqlalchemy.url"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ADDRESS = re.compile(r"url|uri|dsn|database", re.I)
A_PART = re.compile(r"password|passwd|host|port|user|name$|schema|pool|echo", re.I)
OTHER_SERVER = re.compile(r"redis|sentry|celery|broker|amqp|rabbit|mongo|elastic|smtp|http", re.I)
GETTERS = ("os.getenv", "getenv", "os.environ.get", "environ.get")
MAPPINGS = ("os.environ", "environ")


@dataclass(frozen=True)
class Source:
    """What was seen: an environment variable, an ini key, or neither (both empty)."""

    variable: str = ""
    read_by: str = ""  # the file that reads the variable
    option: str = ""


def source(env_py: Path, roots: Iterable[Path]) -> Source:
    """Where this env.py takes its URL from. Reads it, and the modules it imports from `roots`.

    A file that can't be read as Python says nothing.
    """
    tree = _tree(env_py)
    if tree is None:
        return Source()
    option = _option(tree)
    for file, part in ((env_py, tree), *_imported(tree, tuple(roots))):
        if variable := _address(_variables(part)):
            return Source(variable, file.name, option)
    return Source(option=option)


def _tree(file: Path) -> ast.Module | None:
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        return ast.parse(file.read_bytes())
    return None


def _imported(tree: ast.Module, roots: tuple[Path, ...]) -> Iterator[tuple[Path, ast.Module]]:
    """The project's own modules that a file imports, one step deep."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for stem in (name.replace(".", "/") for name in names):
            for root in roots:
                for file in (root / f"{stem}.py", root / stem / "__init__.py"):
                    if file.is_file() and (found := _tree(file)):
                        yield file, found


def _address(names: Iterable[str]) -> str:
    """The one that names a database's address; DATABASE_URL before others."""
    likely = [
        name
        for name in dict.fromkeys(names)
        if NAME.fullmatch(name)
        and ADDRESS.search(name)
        and not A_PART.search(name)
        and not OTHER_SERVER.search(name)
    ]
    return "DATABASE_URL" if "DATABASE_URL" in likely else (likely or [""])[0]


def _variables(tree: ast.Module) -> list[str]:
    """The environment variables that a module reads, in the order of its lines."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in GETTERS:
            found += [(node.lineno, name) for name in _text(*node.args[:1])]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in MAPPINGS:
            if isinstance(node.ctx, ast.Load):
                found += [(node.lineno, name) for name in _text(node.slice)]
        elif isinstance(node, ast.ClassDef):
            found += _fields(node)
    return [name for _, name in sorted(found)]


def _fields(node: ast.ClassDef) -> list[tuple[int, str]]:
    """The variables of a pydantic settings class, one a field."""
    if not any(ast.unparse(base).endswith("BaseSettings") for base in node.bases):
        return []
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    return [(f.lineno, f.target.id.upper()) for f in fields if isinstance(f.target, ast.Name)]


def _option(tree: ast.Module) -> str:
    """The ini key that env.py reads its URL from, or nothing."""
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Call) for key in _keys(node)]
    keys += [
        key
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and "get_section(" in ast.unparse(node.value)
        for key in _text(node.slice)
    ]
    likely = [key for key in keys if ADDRESS.search(key)]
    return DEFAULT_OPTION if DEFAULT_OPTION in likely else (likely or [""])[0]


def _keys(call: ast.Call) -> list[str]:
    """The ini keys that one call reads."""
    called = ast.unparse(call.func)
    if called.endswith("engine_from_config"):
        given = [k.value for k in call.keywords if k.arg == "prefix"] or call.args[1:2]
        return [f"{prefix}url" for prefix in _text(*given) or ["sqlalchemy."]]
    if called.endswith(".get_main_option"):
        return _text(*call.args[:1])
    if called.endswith(".get_section_option"):
        return _text(*call.args[1:2])
    if called.endswith(".get") and "get_section(" in called:
        return _text(*call.args[:1])
    return []


def _text(*nodes: ast.expr) -> list[str]:
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
