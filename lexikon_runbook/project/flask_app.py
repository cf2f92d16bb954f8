"""The Flask application of a project that uses Flask-Migrate, seen in its text.

What is seen is a guess, as with env.py, and stands where a person reads it. Nothing is executed.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .env_py import tree

VARIABLE = "FLASK_APP"
DOTENVS = (".env", ".flaskenv")  # in the order in which Flask takes them
LINE = re.compile(
    rf"^[ \t]*(?:export[ \t]+)?{VARIABLE}[ \t]*=[ \t]*"
    r"(?:'(?P<one>[^'\n]*)'|\"(?P<two>[^\"\n]*)\"|(?P<bare>[^\n]*?))[ \t]*(?:[ \t]#.*)?$",
    re.M,
)
MODULES = ("wsgi", "app")  # as `flask` looks for them
OBJECTS = ("app", "application")
FACTORIES = ("create_app", "make_app")
SETTINGS = ("config.py", "settings.py")
UPWARD = 3  # folders above the migrations, when init was not started in one of them


def application(folder: Path) -> str:
    """What `flask --app` takes for the application in this folder; "" when it is not seen."""
    return _of_environment() or _seen(folder)


def folder(begin: Path, migrations: Path) -> Path:
    """The folder that `flask db` is called in: the nearest above with an application.

    A package's own folder is not one, nor is a folder above `begin`, where init was started.
    """
    above = list(migrations.parents)
    above = above[: above.index(begin) + 1] if begin in above else above[:UPWARD]
    callable_in = [each for each in above if not os.path.isfile(each / "__init__.py")] or above
    named = _of_environment()
    seen = (each for each in callable_in if _seen(each) or _module(each, named))
    return next(seen, callable_in[0])


def files(folder: Path) -> tuple[Path, ...]:
    """The files that may say where the application takes its URL from."""
    module = _module(folder, application(folder))
    besides = [sorted([*folder.glob(name), *folder.glob(f"*/{name}")]) for name in SETTINGS]
    return (*([module] if module else []), *itertools.chain(*besides))


def _of_environment() -> str:
    return os.environ.get(VARIABLE, "").strip()


def _seen(folder: Path) -> str:
    return _of_dotenv(folder) or next(_of_modules(folder), "") or _of_packages(folder)


def _of_dotenv(folder: Path) -> str:
    """What a file for python-dotenv says; its other lines are not looked at."""
    for name in DOTENVS:
        if not os.path.isfile(folder / name):
            continue
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for match in reversed([*LINE.finditer((folder / name).read_text(encoding="utf-8"))]):
                if said := (match["one"] or match["two"] or match["bare"] or "").strip():
                    return said
    return ""


def _of_modules(folder: Path) -> Iterator[str]:
    for stem in MODULES:
        if (file := _module(folder, stem)) and (name := _name_in(file)):
            yield f"{stem}:{name}"


def _of_packages(folder: Path) -> str:
    """The one package that has a factory."""
    inits = [f for f in sorted(folder.glob("*/__init__.py")) if _name_in(f) in FACTORIES]
    return f"{inits[0].parent.name}:{_name_in(inits[0])}" if len(inits) == 1 else ""


def _module(folder: Path, application: str) -> Path | None:
    """The file of `MODULE:NAME`, where MODULE may be a path."""
    stem = application.partition(":")[0].removesuffix(".py")
    if not stem:
        return None
    place = stem if "/" in stem else stem.replace(".", "/")
    for file in (folder / f"{place}.py", folder / place / "__init__.py"):
        if os.path.isfile(file):
            return file
    return None


def _name_in(file: Path) -> str:
    """The application or its factory, as Flask would choose it."""
    module = tree(file)
    names = set(_names(module)) if module else set()
    return next((name for name in (*OBJECTS, *FACTORIES) if name in names), "")


def _names(module: ast.Module) -> Iterator[str]:
    """The names that a module has at its top, without functions that need an argument."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            given = node.args
            if len(given.posonlyargs) + len(given.args) <= len(given.defaults) and (
                None not in given.kw_defaults
            ):
                yield node.name
        elif isinstance(node, ast.Assign):
            yield from (each.id for each in node.targets if isinstance(each, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
