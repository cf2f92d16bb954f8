"""What docstrings promise is true: "Pure" reads and writes nothing, and listed errors exist."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "lexikon_runbook"
Function = ast.FunctionDef | ast.AsyncFunctionDef
Key = tuple[str, str]  # module, function (or Class.method)

# Calls that read or write something outside of their arguments, whatever they are called on.
IMPURE = frozenset(
    {
        *("open", "print", "input", "read_text", "read_bytes", "write_text", "write_bytes"),
        *("exists", "is_file", "is_dir", "iterdir", "glob", "rglob", "stat", "resolve", "mkdir"),
        *("unlink", "rename", "touch", "expanduser", "getenv", "getcwd", "urandom", "run_path"),
        *("execute", "fetchall", "cursor", "connect", "commit", "rollback", "Popen", "urlopen"),
        *("monotonic", "time_ns", "now", "today", "sleep", "token_hex", "getpid"),
    }
)
NAMES = re.compile(r"\b(?:[A-Z][a-z]+)+\b")
# Capitalised words that may begin a sentence about errors.
WORDS = frozenset({"Raises", "Reads", "Writes", "Changes", "Pure", "Nothing"})


@dataclass
class Module:
    """One module: its functions, and what its names mean."""

    name: str
    tree: ast.Module
    functions: dict[str, Function] = field(default_factory=dict)
    imported: dict[str, Key] = field(default_factory=dict)  # name -> module, name in it ("": it)


@cache
def modules() -> dict[str, Module]:
    """The package's modules by their dotted names; the worker's are those of another program."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = [*path.relative_to(PROJECT).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = _module(name, path)
    return found


def _module(name: str, path: Path) -> Module:
    module = Module(name, ast.parse(path.read_text(encoding="utf-8")))
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in module.tree.body:
        if isinstance(node, Function):
            module.functions[node.name] = node
        if isinstance(node, ast.ClassDef):
            for inner in (each for each in node.body if isinstance(each, Function)):
                module.functions[f"{node.name}.{inner.name}"] = inner
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1]])
            of = f"{base}.{node.module}" if node.module else base
            for alias in node.names:
                module.imported[alias.asname or alias.name] = (of, alias.name)
    return module


def called(module: Module, key: str) -> Iterator[Key]:
    """The package's functions that a function calls, as far as names tell."""
    own = key.rpartition(".")[0]
    for node in ast.walk(module.functions[key]):
        if isinstance(node, ast.Call) and (to := _of_package(module, own, node.func)):
            yield to


def _of_package(module: Module, own: str, called_: ast.expr) -> Key | None:
    if isinstance(called_, ast.Name):
        return next(_named(module, called_.id), None)
    if isinstance(called_, ast.Attribute) and isinstance(called_.value, ast.Name):
        on, name = called_.value.id, called_.attr
        if on in ("self", "cls") and own:
            return module.name, f"{own}.{name}"
        if on in module.imported:
            return ".".join(module.imported[on]), name
    return None


def _named(module: Module, name: str) -> Iterator[Key]:
    if name in module.functions:
        yield module.name, name
    elif name in module.imported:
        yield module.imported[name]


def impure(module: Module, key: str) -> list[str]:
    """What a function does itself that a pure one does not."""
    found, own = [], key.rpartition(".")[0]
    for node in ast.walk(module.functions[key]):
        if isinstance(node, ast.Call) and not _of_package(module, own, node.func):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            if name in IMPURE:
                found.append(name)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ":
            found.append("os.environ")
    return found


def test_a_function_that_is_called_pure_reads_and_writes_nothing() -> None:
    """Nor does any function of the package that it calls."""
    false = []
    for module in modules().values():
        for key, function in module.functions.items():
            if not re.search(r"\bPure\b", ast.get_docstring(function) or ""):
                continue
            seen: set[Key] = set()
            waiting: list[Key] = [(module.name, key)]
            while waiting:
                at = waiting.pop()
                there = modules().get(at[0])
                if at in seen or there is None or at[1] not in there.functions:
                    continue
                seen.add(at)
                false += [f"{module.name}.{key}: {at} {what}" for what in impure(there, at[1])]
                waiting += called(there, at[1])
    assert false == []


def test_errors_that_a_docstring_lists_are_errors_of_the_package() -> None:
    """Spelled as they are, so that somebody can catch them."""
    classes = {
        node.name
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    known = classes | set(dir(builtins)) | {"Error"}
    false = []
    for module in modules().values():
        for key, function in module.functions.items():
            text = ast.get_docstring(function) or ""
            for sentence in re.findall(r"Raises\b[^.]*", text):
                listed = set(NAMES.findall(sentence)) - WORDS
                camel = {name for name in listed if re.search(r"[a-z][A-Z]", name)}
                false += [f"{module.name}.{key}: {name}" for name in camel - known]
    assert false == []
