"""env.py read as text: the lines of it that bite. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...project import syntax
from ..evidence import Configure, EnvPy

VERSION_TABLE = ("version_table", "version_table_schema")
EXECUTES = ("execute", "exec_driver_sql", "scalar", "scalars")


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
        kept = _in_its_own_transaction(scope, ran[-1], name) if ran else True
        if not kept and not _committed_by_env_py(tree, scope, call, name):
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


def _committed_by_env_py(tree: ast.Module, scope: ast.AST, call: ast.Call, name: str) -> bool:
    """Whether env.py commits by itself: `with engine.begin()` around it, or commit() after it."""
    if _commits(scope, call.lineno):
        return True
    function = getattr(scope, "name", "")
    for node in ast.walk(tree):
        if not isinstance(node, ast.With | ast.AsyncWith):
            continue
        inside = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
        begun = [_given(item) for item in node.items if _begins(item)]
        if name in begun and any(each is call for each in inside):
            return True
        for item in node.items:
            handed = [c.lineno for c in inside if function and _hands(c, _given(item), function)]
            if handed and (_begins(item) or _commits(node, handed[-1])):
                return True
    return False


def _commits(scope: ast.AST, after: int) -> bool:
    """Whether commit() is called there, after that line: on the connection or on get_bind()."""
    calls = (node for node in ast.walk(scope) if isinstance(node, ast.Call))
    return any(syntax.named(c) == "commit" and c.lineno > after for c in calls)


def _begins(item: ast.withitem) -> bool:
    return isinstance(item.context_expr, ast.Call) and syntax.named(item.context_expr) == "begin"


def _given(item: ast.withitem) -> str:
    return item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else ""


def _hands(call: ast.Call, connection: str, function: str) -> bool:
    """Whether a call hands the connection to the function, as run_sync() does or straight."""
    names = [each.id for each in call.args if isinstance(each, ast.Name)]
    straight = isinstance(call.func, ast.Name) and call.func.id == function
    by_run_sync = syntax.named(call) == "run_sync" and _on(call) == connection
    return (straight and connection in names) or (by_run_sync and function in names)


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
