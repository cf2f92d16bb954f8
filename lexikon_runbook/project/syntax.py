"""Reads the Python of a revision file. Pure: nothing of it is run."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterator
from functools import lru_cache

_CALLS = frozenset({"execute", "exec_driver_sql", "scalar", "scalars"})
_PREPARES = frozenset({"get_bind", "get_context", "f", "inline_literal"})
_CATCHES_ALL = frozenset({"Exception", "BaseException"})


@lru_cache(maxsize=256)
def parse(source: str) -> ast.Module | None:
    """The file's syntax tree; None when it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence" is for its author
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=1024)
def functions(source: str, name: str) -> tuple[ast.FunctionDef, ...]:
    """The function `name` and the file's own functions that it calls, directly or not."""
    tree = parse(source)
    known = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)} if tree else {}
    reached: dict[str, ast.FunctionDef] = {}
    waiting = [name]
    while waiting:
        function = known.get(waiting.pop())
        if function and function.name not in reached:
            reached[function.name] = function
            waiting += [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]
    return tuple(reached.values())


@lru_cache(maxsize=1024)
def walk(source: str, name: str) -> tuple[ast.AST, ...]:
    """Every node of the function and of those it calls."""
    return tuple(node for function in functions(source, name) for node in ast.walk(function))


def leaves_transaction(source: str, name: str) -> bool:
    """Whether the function has an autocommit_block()."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "autocommit_block"
        for node in walk(source, name)
    )


def does_nothing(source: str, name: str) -> bool:
    """Whether the function is missing, or has a docstring, `pass`, `...` or `return` only."""
    found = functions(source, name)
    return not found or all(
        isinstance(line, ast.Pass | ast.Return)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in found[0].body
    )


def refuses(source: str, name: str) -> bool:
    """Whether the function raises whatever happens."""
    found = functions(source, name)
    leaves = any(isinstance(node, ast.Return) for each in found[:1] for node in ast.walk(each))
    return bool(found) and not leaves and _always_raises(found[0].body)


def _always_raises(body: list[ast.stmt]) -> bool:
    for line in body:
        if isinstance(line, ast.Raise):
            return True
        if isinstance(line, ast.If) and line.orelse:
            if _always_raises(line.body) and _always_raises(line.orelse):
                return True
        elif isinstance(line, ast.With) and _always_raises(line.body):
            return True
    return False


def strings(source: str, name: str) -> str:
    """The text constants of the function and of those it calls, one a line."""
    return "\n".join(
        node.value
        for node in walk(source, name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def drops_by_variable(source: str, name: str) -> bool:
    """Whether it drops types whose names it does not spell out: in a loop, or by `.drop()`."""
    spelled = re.search(r"(?im)\bDROP\s+TYPE\s+(IF\s+EXISTS\s+)?$", strings(source, name))
    return bool(spelled) or any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and named(node) == "drop"
        for node in walk(source, name)
    )


def swallowed(source: str, name: str) -> Iterator[tuple[int, str]]:
    """Line and text of each place where a database error would not stop the function."""
    if "except" not in source and "suppress" not in source:
        return
    own = {f.name for f in functions(source, name)}
    for node in walk(source, name):
        if isinstance(node, ast.Try) and _asks(node.body, own):
            for handler in node.handlers:
                if _catches(handler.type) and not _always_raises(handler.body):
                    caught = f" {ast.unparse(handler.type)}" if handler.type else ""
                    yield handler.lineno, f"except{caught}:"
        if isinstance(node, ast.With) and _asks(node.body, own):
            for call in (item.context_expr for item in node.items):
                if _suppresses(call):
                    yield node.lineno, f"with {ast.unparse(call)}:"


def _suppresses(call: ast.expr) -> bool:
    if not isinstance(call, ast.Call) or named(call) != "suppress":
        return False
    return any(_catches(kind) for kind in call.args)


def _asks(body: list[ast.stmt], own: set[str]) -> bool:
    """Whether the lines reach the database outside a savepoint (begin_nested)."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.With):
            opened = [named(item.context_expr) for item in node.items]
            if "begin_nested" in opened:
                continue
        if isinstance(node, ast.Call) and (named(node) in _CALLS | own or _calls_op(node)):
            return True
        waiting += ast.iter_child_nodes(node)
    return False


def _calls_op(call: ast.Call) -> bool:
    root: ast.expr = call.func
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id == "op" and named(call) not in _PREPARES


def named(node: ast.AST) -> str:
    """The last name of what is called: `op.get_bind()` -> get_bind."""
    target = node.func if isinstance(node, ast.Call) else node
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def _catches(kind: ast.expr | None) -> bool:
    """Whether this exception can be a database's: not for KeyError and its like."""
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(_catches(each) for each in kind.elts)
    name = named(kind)
    return name in _CATCHES_ALL or not hasattr(builtins, name)
