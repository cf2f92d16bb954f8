"""env.py read as text: the lines of it that bite. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..checks import syntax
from ..checks.evidence import Configure, EnvPy

VERSION_TABLE = ("version_table", "version_table_schema")
EXECUTES = ("execute", "exec_driver_sql", "scalar", "scalars")
Places = tuple[tuple[int, str], ...]


def read(path: str, text: str) -> EnvPy:
    """What stands in an env.py, with the lines as they should be. Pure."""
    tree = syntax.parse(text)
    if tree is None:
        return EnvPy(path)
    lines = text.splitlines()
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    online = [call for call in calls if syntax.named(call) == "configure" and _connection(call)]
    early = () if "AUTOCOMMIT" in text else tuple(_early(tree, lines))
    return EnvPy(
        path,
        configures=tuple(_configure(call, lines) for call in online),
        early=early,
        unescaped=tuple(_unescaped(calls, lines)),
        disables_loggers=tuple(_disables(calls, lines)),
    )


def _configure(call: ast.Call, lines: list[str]) -> Configure:
    names = {}
    for given in call.keywords:
        if given.arg in VERSION_TABLE and given.lineno == given.end_lineno:
            line = lines[given.lineno - 1]
            source = line.encode()[given.col_offset : given.end_col_offset].decode()
            names[given.arg] = (given.lineno, line, source)
    return Configure(call.lineno, lines[call.lineno - 1], names)


def _connection(call: ast.Call) -> str:
    """The name that a call of configure() passes as its connection."""
    given = (k.value for k in call.keywords if k.arg == "connection")
    return next((value.id for value in given if isinstance(value, ast.Name)), "")


def _early(tree: ast.Module, lines: list[str]) -> Iterator[tuple[int, str]]:
    """Statements on the connection of configure() before it, with no commit() between."""
    for call, name in _configures(tree):
        scope = _scope(tree, call)
        own = [node for node in ast.walk(scope) if isinstance(node, ast.Call)]
        before = [c for c in own if _on(c) == name and c.lineno < call.lineno]
        commits = [c.lineno for c in before if syntax.named(c) == "commit"]
        last = max(commits, default=0)
        ran = [c for c in before if syntax.named(c) in EXECUTES and c.lineno > last]
        if ran and not _in_its_own_transaction(scope, ran[-1], name):
            line = ran[-1].end_lineno or ran[-1].lineno
            text = lines[line - 1]
            indent = lines[ran[-1].lineno - 1]
            indent = indent[: len(indent) - len(indent.lstrip())]
            yield line, f"{text}\n{indent}{name}.commit()"


def _configures(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        name = _connection(node) if isinstance(node, ast.Call) else ""
        if name and isinstance(node, ast.Call) and syntax.named(node) == "configure":
            yield node, name


def _scope(tree: ast.Module, call: ast.Call) -> ast.AST:
    """The innermost function around a call, else the module."""
    found: ast.AST = tree
    for node in ast.walk(tree):
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if inside and any(each is call for each in ast.walk(node)):
            found = node
    return found


def _on(call: ast.Call) -> str:
    """The name whose method is called."""
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        return call.func.value.id
    return ""


def _in_its_own_transaction(scope: ast.AST, call: ast.Call, name: str) -> bool:
    """Whether a statement stands in a `with connection.begin():` that ends before configure()."""
    for node in ast.walk(scope):
        if isinstance(node, ast.With) and any(each is call for each in ast.walk(node)):
            opened = [item.context_expr for item in node.items]
            if any(isinstance(c, ast.Call) and _on(c) == name for c in opened):
                return True
    return False


def _unescaped(calls: list[ast.Call], lines: list[str]) -> Iterator[tuple[int, str]]:
    """set_main_option() with a value that is computed and not escaped."""
    for call in calls:
        if syntax.named(call) != "set_main_option" or len(call.args) < 2:
            continue
        value = call.args[1]
        if isinstance(value, ast.Constant) or ".replace(" in ast.unparse(value):
            continue
        if value.lineno == value.end_lineno and value.end_col_offset is not None:
            line = lines[value.lineno - 1].encode()
            inner = line[value.col_offset : value.end_col_offset].decode()
            simple = isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
            right = f'{inner if simple else f"({inner})"}.replace("%", "%%")'
            before, after = line[: value.col_offset], line[value.end_col_offset :]
            yield value.lineno, before.decode() + right + after.decode()


def _disables(calls: list[ast.Call], lines: list[str]) -> Iterator[tuple[int, str]]:
    """fileConfig() that leaves disable_existing_loggers at its default, which is True."""
    for call in calls:
        told = any(k.arg in ("disable_existing_loggers", None) for k in call.keywords)
        if syntax.named(call) != "fileConfig" or told or len(call.args) > 2:
            continue
        if call.lineno == call.end_lineno and call.end_col_offset is not None:
            line = lines[call.lineno - 1].encode()
            before, after = line[: call.end_col_offset - 1], line[call.end_col_offset - 1 :]
            inner = b", disable_existing_loggers=False"
            yield call.lineno, (before + inner + after).decode()
