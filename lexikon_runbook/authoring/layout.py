"""Python statements laid out as `ruff format` lays them out. Pure.

For what Alembic writes: calls in calls, lists, texts. A formatter as a dependency would be
there for this alone, and would have to be on every machine that writes a revision.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import textwrap
import tokenize
from collections.abc import Callable, Sequence

WIDTH = 100
STEP = 4


def laid_out(code: str, indent: int = STEP) -> str:
    """The statements in at most WIDTH columns, if they are indented by `indent` afterwards.

    Comments are left out. What is not Python comes back as it is.
    """
    tree = parsed(code)
    if tree is None:
        return code.strip("\n")
    return "\n".join(line for node in tree.body for line in _statement(node, indent))


def parsed(code: str) -> ast.Module | None:
    """Lines of a function as a tree, also as Alembic gives them: all but the first indented."""
    first, _, rest = code.strip("\n").partition("\n")
    for text in (textwrap.dedent(code), f"{first.lstrip()}\n{textwrap.dedent(rest)}"):
        with contextlib.suppress(SyntaxError, ValueError):
            return ast.parse(text)
    return None


def _statement(node: ast.stmt, indent: int) -> list[str]:
    if isinstance(node, ast.Expr):
        return _expression(node.value, indent, "")
    if isinstance(node, ast.With):
        head = ast.unparse(ast.With(node.items, [ast.Pass()], lineno=0)).splitlines()[0]
        inner = [line for each in node.body for line in _statement(each, indent + STEP)]
        return [_double(head), *(f"{' ' * STEP}{line}" for line in inner)]
    return _double(ast.unparse(node)).splitlines()


def _expression(node: ast.expr, indent: int, after: str, before: str = "") -> list[str]:
    """Its lines: one if it fits, else its parts on one line, else a line each."""
    flat = before + _flat(node)
    if indent + len(flat) + len(after) <= WIDTH or not (found := _parts(node)):
        return [flat + after]
    opening, parts, closing = found
    inner = indent + STEP
    together = ", ".join(prefix + _flat(part) for prefix, part in parts)
    if inner + len(together) <= WIDTH:
        return [before + opening, " " * STEP + together, closing + after]
    lines = [
        f"{' ' * STEP}{line}"
        for prefix, part in parts
        for line in _expression(part, inner, ",", prefix)
    ]
    return [before + opening, *lines, closing + after]


def _parts(node: ast.expr) -> tuple[str, list[tuple[str, ast.expr]], str] | None:
    """What stands before, between and behind the brackets of an expression that has some."""
    if isinstance(node, ast.Call) and (node.args or node.keywords):
        parts = [("", each) for each in node.args]
        parts += [(f"{k.arg}=" if k.arg else "**", k.value) for k in node.keywords]
        return _flat(node.func) + "(", parts, ")"
    if isinstance(node, ast.List | ast.Set) and node.elts:
        opening, closing = "[]" if isinstance(node, ast.List) else "{}"
        return opening, [("", each) for each in node.elts], closing
    if isinstance(node, ast.Dict) and node.keys:
        pairs = zip(node.keys, node.values, strict=True)
        return "{", [(f"{_flat(k)}: " if k else "**", v) for k, v in pairs], "}"
    return None


def _flat(node: ast.expr) -> str:
    return _double(ast.unparse(node))


def _double(code: str) -> str:
    """The code with its texts in double quotes, where that needs no backslash more."""
    return _replaced(code, lambda text: re.sub(r"^([A-Za-z]*)'([^'\"]*)'$", r'\1"\2"', text))


def _replaced(code: str, change: Callable[[str], str]) -> str:
    lines = code.splitlines(keepends=True)
    texts: Sequence[tokenize.TokenInfo] = [
        token
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type == tokenize.STRING and token.start[0] == token.end[0]
    ]
    for token in reversed(texts):
        row, start, end = token.start[0] - 1, token.start[1], token.end[1]
        lines[row] = lines[row][:start] + change(token.string) + lines[row][end:]
    return "".join(lines)
