"""The SQL that revisions would run, from Alembic's offline mode. Nothing is connected to.

A revision that asks the database something while it runs can't be rendered; what it said then,
and in which line, is told as it is.
"""

from __future__ import annotations

import functools
import io
import os
import traceback
from collections.abc import Sequence
from typing import Any, Callable

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from . import told, values

CONTROL = ("BEGIN;", "COMMIT;")
# What is told of each step, and not only of one that could not be rendered.
UNKNOWN = {"why": "", "line": 0, "itself": False, "of_environ": False, "cls": ""}


class Pieces(io.StringIO):
    """An output buffer that keeps what Alembic writes piece by piece: one a statement."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        if text.strip():
            self.pieces.append(text.strip())
        return len(text)


def each(
    steps: Sequence[Any], buffer: Pieces, translated: Sequence[Any], around: Callable[[Any], Any]
) -> Callable[[Any, Any, dict[str, Any]], list[Any]]:
    """What env.py is to run in place of the migrations: one step after the other, each kept.

    `around` is entered for each step.
    Not as steps for Alembic to run: one that fails would end all.
    """

    def rendered(_rows: Any, context: Any, given: dict[str, Any]) -> list[Any]:
        _translate(context.impl.dialect, translated)
        values.complete(context)
        for step in steps:
            with around(step):
                _render(step, buffer, given)
        return []

    return rendered


def without_env_py(
    steps: Sequence[Any], buffer: Pieces, translated: Sequence[Any], around: Callable[[Any], Any]
) -> None:
    """Render in a context of Alembic's own, for an env.py that has no offline mode."""
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "literal_binds": True, "output_buffer": buffer},
    )
    _translate(context.impl.dialect, translated)
    values.complete(context)
    with Operations.context(context):
        for step in steps:
            with around(step):
                _render(step, buffer, {})


def _translate(dialect: Any, translated: Sequence[Any]) -> None:
    """Let that dialect write other schemas, as connections with a schema_translate_map do.

    Offline mode has no connection. Like there, what Alembic writes itself (ALTER TABLE) and what
    is given as text stay as they are.
    """
    if translated:
        given = {"schema_translate_map": dict(translated), "render_schema_translate": True}
        for name in ("ddl_compiler", "statement_compiler"):
            setattr(dialect, name, functools.partial(getattr(dialect, name), **given))


def _render(step: Any, buffer: Pieces, given: dict[str, Any]) -> None:
    buffer.pieces.clear()
    found: dict[str, Any] = {"sql": None, **UNKNOWN}
    try:
        step.migration_fn(**given)
        found["sql"] = [piece for piece in buffer.pieces if piece.upper() not in CONTROL]
    except (Exception, SystemExit) as error:
        found.update(_why(step, error))
    step.rendered = found


def _why(step: Any, error: BaseException) -> dict[str, Any]:
    """What kept it from being rendered: the error's words, and the last line of the revision."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == str(step.revision.path)]
    described = told.of(error)
    return {
        "why": "{}: {}".format(described["cls"], described["message"][:500]),
        "line": (own[-1] if own else 0) or 0,
        "itself": bool(own) and frames[-1].filename == str(step.revision.path),
        "of_environ": _of_environ(error),
        "cls": "{module}.{cls}".format(**described),
    }


def _of_environ(error: BaseException) -> bool:
    """Whether it is os.environ that lacks the key: what runs would find it missing, too."""
    inner = error.__traceback__
    while inner is not None and inner.tb_next is not None:
        inner = inner.tb_next
    own = inner.tb_frame.f_locals.get("self") if inner is not None else None
    return isinstance(error, KeyError) and own is os.environ


def rows(steps: Sequence[Any]) -> list[dict[str, Any]] | None:
    """What was rendered, a row a step; None where nothing was."""
    if not all(hasattr(step, "rendered") for step in steps):
        return None
    return [{"revision": step.revision.revision, **step.rendered} for step in steps]
