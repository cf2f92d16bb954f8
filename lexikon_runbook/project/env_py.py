"""Where a project's env.py takes its URL from, seen in its text. Nothing of it is executed.

env.py is code, so this is a guess, and one that is written where a person reads it: in
runbook.toml. A wrong one stops at Preflight, which compares the databases.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEFAULT_OPTION = "sqlalchemy.url"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ADDRESS = re.compile(r"url|uri|dsn|database", re.I)
A_PART = re.compile(r"password|passwd|host|port|user|name$|schema|pool|echo", re.I)
OTHER_SERVER = re.compile(r"redis|sentry|celery|broker|amqp|rabbit|mongo|elastic|smtp|http", re.I)
GETTERS = ("os.getenv", "getenv", "os.environ.get", "environ.get", "env", "env.str")
MAPPINGS = ("os.environ", "environ")
# Of a file that is no Python, or nested more deeply than a parser follows.
UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)


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
    module = tree(env_py)
    option = ""
    with contextlib.suppress(RecursionError):
        option = _option(module) if module else ""
    beside = source_beside((env_py,), roots)
    return Source(beside.variable, beside.read_by, option)


def source_beside(files: Iterable[Path], roots: Iterable[Path]) -> Source:
    """The variable that one of these files, or a module that it imports, takes a URL from."""
    roots = tuple(roots)
    for file in files:
        if (module := tree(file)) is None:
            continue
        for read_by, part in ((file, module), *_imported(module, roots)):
            with contextlib.suppress(RecursionError):
                if variable := _address(_variables(part)):
                    return Source(variable, read_by.name)
    return Source()


def x_names(env_py: Path) -> tuple[str, ...] | None:
    """The names that this env.py looks for in the values of -x; None where it takes none.

    Reads it; a file that can't be read as Python takes none.
    """
    module = tree(env_py)
    if module is None or "get_x_argument" not in ast.unparse(module):
        return None
    held = {
        ast.unparse(target)
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and "get_x_argument(" in ast.unparse(node.value)
        for target in node.targets
    }
    found: list[str] = []
    for node in ast.walk(module):
        of, key = _looked_up(node)
        if of in held or "get_x_argument(" in of:
            found += key
    return tuple(dict.fromkeys(found))


def _looked_up(node: ast.AST) -> tuple[str, list[str]]:
    """What a node looks into, and for which name: `of["name"]`, `of.get("name")`."""
    if isinstance(node, ast.Subscript):
        return ast.unparse(node.value), _text(node.slice)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return "", []
    return ast.unparse(node.func.value), _text(*node.args[:1]) if node.func.attr == "get" else []


def switches(env_py: Path) -> tuple[str, ...]:
    """The environment variables that this env.py reads, but for addresses. Reads it."""
    module = tree(env_py)
    names = dict.fromkeys(_variables(module)) if module else ()
    return tuple(name for name in names if not ADDRESS.search(name))


def is_of_flask(env_py: Path) -> bool:
    """Whether there is such a file, and it needs `flask db` to be in an application's context."""
    module = tree(env_py)
    if module is None:
        return False
    imported = (node for node in module.body if isinstance(node, ast.ImportFrom))
    within = any(alias.name == "current_app" for node in imported for alias in node.names)
    # One that enters the context by itself is run by plain Alembic.
    own = any(isinstance(n, ast.Attribute) and n.attr == "app_context" for n in ast.walk(module))
    return within and not own


def tree(file: Path) -> ast.Module | None:
    """What a file says as Python; None where it says nothing. Reads it, and executes nothing."""
    if not os.path.isfile(file):
        return None
    with contextlib.suppress(*UNREADABLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "invalid escape sequence" is for its author
        return ast.parse(file.read_bytes())
    return None


def _imported(module: ast.Module, roots: tuple[Path, ...]) -> Iterator[tuple[Path, ast.Module]]:
    """The project's own modules that a file imports, one step deep."""
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for stem in (name.replace(".", "/") for name in names):
            for root in roots:
                for file in (root / f"{stem}.py", root / stem / "__init__.py"):
                    if found := tree(file):
                        yield file, found


def _address(names: Iterable[str]) -> str:
    """The one that names a database's address; DATABASE_URL first, one of the tests last."""
    likely = [
        name
        for name in dict.fromkeys(names)
        if NAME.fullmatch(name)
        and ADDRESS.search(name)
        and not A_PART.search(name)
        and not OTHER_SERVER.search(name)
    ]
    likely.sort(key=lambda name: (name != "DATABASE_URL", "TEST" in name.upper()))
    return (likely or [""])[0]


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
