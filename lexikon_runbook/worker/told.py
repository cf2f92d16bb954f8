"""An error of the project, told as rows: its class, its words, the lines that it went through."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

MOST_WORDS, MOST_FRAMES = 20_000, 40


def of(error: BaseException) -> dict[str, Any]:
    """The error as it goes over the wire; a statement's error with what the server said."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    lines: list[list[Any]] = [[f.filename, f.lineno or 0, f.name, f.line or ""] for f in frames]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append([error.filename, error.lineno or 0, "", (error.text or "").strip()])
    original = getattr(error, "orig", None)
    return {
        "cls": type(error).__name__,
        "module": type(error).__module__,
        "message": str(original if original is not None else error)[:MOST_WORDS],
        "frames": lines,
        "sqlstate": sqlstate(original if original is not None else error),
        "statement": str(getattr(error, "statement", "") or ""),
        "of_database": original is not None,
        "code": getattr(error, "code", None) if isinstance(error, SystemExit) else None,
        "lacks": _lacks(error),
        "fenced": any(type(each).__name__ == "Fenced" for each in _behind(error)),
    }


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came from: a library may say another one's words as its own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def sqlstate(error: Any) -> str:
    """As the driver names it: psycopg2 `pgcode`, others `sqlstate`; "" where it has none."""
    return str(getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or "")


def server_said(error: Any) -> dict[str, str]:
    """The server's own words about a statement: message, detail, hint."""
    diagnostics = getattr(error, "diag", None)
    known = [each for each in (diagnostics, error.__cause__, error) if each is not None]

    def first(*names: str) -> str:
        for each in known:
            for name in names:
                if getattr(each, name, None):
                    return str(getattr(each, name))
        return ""

    return {
        "message": first("message_primary", "message") or str(error).partition("\n")[0],
        "detail": first("message_detail", "detail"),
        "hint": first("message_hint", "hint"),
    }


def _lacks(error: BaseException) -> str:
    """The file and the name of the function that a revision lacks; "" for any other error."""
    owner = getattr(error, "obj", None)
    if isinstance(error, AttributeError) and hasattr(owner, "__file__"):
        return "{}\n{}".format(vars(owner)["__file__"], error.name)
    return ""
