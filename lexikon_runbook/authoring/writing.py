"""Writes the file of a new revision: whole and readable by Alembic, or not at all.

As `alembic revision --autogenerate` would: the project's script.py.mako, file_template,
output_encoding, version_locations, timezone and post-write hooks.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.script import ScriptDirectory
from alembic.util import rev_id, template_to_file
from alembic.util.exc import CommandError

from .. import environment, history
from ..checkout import checksum
from ..errors import NotWritten
from ..history import Revision
from ..render import Block, Card, Code, Shown, shorten
from ..settings import Target
from ..throwaway import Throwaway
from . import house, message
from .base import Base
from .comparing import Changes, drafted

NOTHING_WRITTEN = "no file was written."
NUMBER = re.compile(r"[0-9]+(e[0-9]+)?")  # `papermill -p` takes such an id for a number


@dataclass(frozen=True)
class Written(Shown):
    """The new revision and its file, or why there is none."""

    revision: Revision | None
    why: str = ""

    def blocks(self) -> Sequence[Block]:
        if self.revision is None:
            return [Card("Write: nothing is written", [("Because", self.why)])]
        file = self.revision.file
        if self.why:
            card = Card("Write: nothing is written", [("Because", self.why), ("File", str(file))])
            return [card, Code(self.revision.source.rstrip(), file.name)]
        lines = [
            ("File", str(file)),
            ("Revision", self.revision.id),
            ("Follows", ", ".join(self.revision.down) or "nothing: it is the first"),
        ]
        return [
            Card(f"Written: {self.revision.message}", lines, "good"),
            Code(self.revision.source.rstrip(), file.name),
        ]


def write(
    base: tuple[Base, Throwaway],
    target: Target,
    models: str,
    text: str,
    changes: Changes,
    before: Written,
) -> Written:
    """Write the revision file. Writes into the project's versions folder only.

    `before` is what this run wrote earlier: its file is replaced if nobody changed it. Raises
    NotWritten for a message that says nothing, a file that is in the way or was edited, and
    whatever Alembic refuses.
    """
    made_at, database = base
    words = house.upgrade_says(changes.upgrade)
    message.require(text, NOTHING_WRITTEN, message.suggested(words))
    with _put_aside(before), _refused():
        pen = _Pen(database.target)
        _require_same_heads(made_at.at, pen.script)
        made = drafted(database, pen.script, models, text, _id(before))
        with environment.surroundings(target), contextlib.redirect_stdout(io.StringIO()):
            _generate(pen, made)
        (id_,) = pen.files
        return Written(history.read(target).revision(id_))


class _Pen:
    """Writes in Alembic's place: a file appears whole, and only where there was none."""

    def __init__(self, target: Target) -> None:
        with environment.surroundings(target):
            self.script = ScriptDirectory.from_config(environment.config_for(target))
            self.script.get_heads()  # read while the path is the project's
        self.script._generate_template = self.write  # type: ignore[method-assign]
        self.files: dict[str, Path] = {}

    def write(self, src: Any, dest: Any, **given: Any) -> None:
        """Render the template into a file beside, check it, and move it to its place."""
        file = Path(dest)
        if file.exists():
            raise _not(f"{file} exists.", "choose another message, or remove that file.")
        encoding = self.script.output_encoding
        new = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            template_to_file(src, new, encoding, **given)
            new.write_bytes(_checked(new.read_bytes(), encoding, given["message"]))
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
        self.files[given["up_revision"]] = file


def _require_same_heads(at: Sequence[str], script: ScriptDirectory) -> None:
    if set(script.get_heads()) != set(at):
        raise _not(
            "the revision files changed since the base was built.",
            "run run.base() again, and go on from there.",
        )


def _generate(pen: _Pen, made: RevisionContext) -> None:
    """Write what was drafted; nothing stays of it when it fails half way."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unnamed constraints, which the review names
            list(made.generate_scripts())
        if len(pen.files) != 1:
            raise _not(
                f"process_revision_directives in env.py makes {len(pen.files)} revisions of it.",
                "write them by `alembic revision --autogenerate`, then review and prove each: "
                'revision="ID".',
            )
    except BaseException:
        for file in pen.files.values():
            file.unlink(missing_ok=True)
        raise


def _checked(data: bytes, encoding: str, text: str) -> bytes:
    """The file as it will be: Python, with the message in it as given, and one kind of line end.

    Raises NotWritten.
    """
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if b"\r\n" in data else data
    try:
        said = ast.get_docstring(ast.parse(data))  # as Python would decode it
    except (SyntaxError, ValueError) as error:
        raise _not(
            f"script.py.mako makes a file that is not Python (line {getattr(error, 'lineno', 1)}: "
            f"{error}).",
            "leave quotes and backslashes out of the message; else mend script.py.mako.",
        ) from None
    if said is not None and text in data.decode(encoding) and text not in said:
        raise _not(
            f"the message {text!r} can't stand in a Python text as it is.",
            "leave its quotes and backslashes out.",
        )
    return data


def _id(before: Written) -> str:
    """The id of the file that is replaced, else a new one that no tool takes for a number."""
    if before.revision is not None:
        return before.revision.id
    while NUMBER.fullmatch(made := rev_id()):
        continue
    return str(made)


@contextlib.contextmanager
def _put_aside(before: Written) -> Iterator[None]:
    """Take this run's earlier file away while it is written anew; put it back if that fails."""
    found = before.revision
    if found is None or not found.file.exists():
        yield
        return
    data = found.file.read_bytes()
    if checksum(data) != found.checksum:
        raise _not(
            f"{found.file} was edited since this run wrote it.",
            f'keep it: revision="{found.id}" reviews and proves it as it is. Or remove it (rm '
            f"{found.file}), and run run.base() and the cells below it again.",
            "the file is as you left it.",
        )
    found.file.unlink()
    try:
        yield
    except BaseException:
        found.file.write_bytes(data)
        raise


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """Say what Alembic, or the system, refuses."""
    try:
        yield
    except CommandError as error:
        raise _not(
            f"Alembic refuses to write it: {shorten(str(error), 400)}",
            "`alembic revision` must be able to write it, too; mend the ini, or script.py.mako.",
        ) from error
    except (ImportError, NameError, AttributeError, TypeError) as error:
        raise _not(
            f"what it would write can't be imported: {type(error).__name__}: {error}.",
            "add what the models' types need to the imports of script.py.mako.",
        ) from error
    except OSError as error:
        raise _not(
            f"{error.filename or 'the versions folder'} can't be written: {error.strerror}.",
            "make the versions folder writable for you, and room on the disk.",
        ) from error


def _not(happened: str, next_step: str, state: str = NOTHING_WRITTEN) -> NotWritten:
    return NotWritten(happened, state=state, next_step=next_step)
