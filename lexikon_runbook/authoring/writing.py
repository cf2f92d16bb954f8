"""Writes the file of a new revision: whole and readable by Alembic, or not at all.

As `alembic revision --autogenerate` would: the project's script.py.mako, file_template,
output_encoding, version_locations, timezone and post-write hooks. The project's own Alembic says
in the worker what to write and where; here it is checked and written.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import HistoryError, NotWritten
from ..project.checkout import checksum
from ..project.history import Revision
from ..project.process import Message
from ..project.project import Project
from ..project.worker import ProjectFailed, WorkerDied
from ..rehearsal.throwaway import Throwaway
from ..show.render import Block, Card, Code, Shown, shorten
from ..targets.settings import Target
from . import drafting, house, layout, message
from . import models as of_models
from .base import Base
from .comparing import Changes

NOTHING_WRITTEN = "no file was written."
NUMBER = re.compile(r"[0-9]+(e[0-9]+)?")  # `papermill -p` takes such an id for a number


@dataclass(frozen=True)
class Written(Shown):
    """The new revision and its file, or why there is none; `layout` is who laid it out."""

    revision: Revision | None
    why: str = ""
    layout: str = ""

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
            ("Layout", self.layout),
        ]
        return [
            Card(f"Written: {self.revision.message}", lines, "good"),
            Code(self.revision.source.rstrip(), file.name),
        ]


def write(
    base: tuple[Base, Throwaway],
    project: Project,
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
        told = drafting.file(database, models, text, _id(before), made_at.at)
        _require_one_file(project.target, told, made_at, models)
        file = Path(told["path"])
        if file.exists():
            raise _not(f"{file} exists.", "choose another message, or remove that file.")
        data = _checked(base64.b64decode(told["data"]), told["encoding"], text)
        _require_importable(project.target, told)
        laid = _laid_out(data, told["encoding"], file, changes)
        _place(file, laid.data)
        try:
            return Written(_read_back(project, database, file, told), layout=laid.why)
        except BaseException:
            file.unlink(missing_ok=True)
            raise


def _require_one_file(target: Target, told: Message, base: Base, models: str) -> None:
    """Refuse to write where the worker has not made one file of it."""
    if set(told["heads"]) != set(base.at):
        raise _not(
            "the revision files changed since the base was built.",
            "run run.base() again, and go on from there.",
        )
    if told["refused"]:
        raise of_models.unusable(target, models, told["refused"])
    if told["number"] != 1:
        raise _not(
            f"process_revision_directives in env.py makes {told['number']} revisions of it.",
            "write them by `alembic revision --autogenerate`, then review and prove each: "
            'revision="ID".',
        )
    if told["not_made"]:
        raise _not(
            f"Alembic refuses to write it: {shorten(target.mask(told['not_made']), 400)}",
            "`alembic revision` must be able to write it, too; mend the ini, or script.py.mako.",
        )


def _require_importable(target: Target, told: Message) -> None:
    if fails := told["fails"]:
        raise _not(
            "what it would write can't be imported: "
            f"{target.mask(fails['cls'] + ': ' + fails['message'])}.",
            "add what the models' types need to the imports of script.py.mako.",
        )


def _laid_out(data: bytes, encoding: str, file: Path, changes: Changes) -> layout.Laid:
    """The file with the docstrings that its template asks for, laid out. Runs ruff."""
    said = house.said(data.decode(encoding), changes.upgrade, changes.downgrade)
    return layout.of_file(said.encode(encoding), file)


def _place(file: Path, data: bytes) -> None:
    """Let the file appear whole, or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _read_back(project: Project, database: Throwaway, file: Path, told: Message) -> Revision:
    """Run the project's hooks on the file, and read the checkout with it."""
    try:
        if told["hooks"]:
            drafting.hooks(database, project.target, str(file))
        project.refresh()
        return project.history.revision(told["revision"])
    except (ProjectFailed, WorkerDied) as error:
        said = error.words if isinstance(error, ProjectFailed) else str(error)
        raise _not(
            f"a post-write hook failed: {shorten(project.target.mask(said), 400)}",
            "mend [post_write_hooks] in the ini, or what it calls.",
        ) from error
    except HistoryError as error:
        raise _not(f"it can't be read back: {error.happened}", error.next_step) from error


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
    while NUMBER.fullmatch(made := uuid.uuid4().hex[-12:]):  # as Alembic makes them
        continue
    return made


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
    """Say what the system refuses."""
    try:
        yield
    except OSError as error:
        raise _not(
            f"{error.filename or 'the versions folder'} can't be written: {error.strerror}.",
            "make the versions folder writable for you, and room on the disk.",
        ) from error


def _not(happened: str, next_step: str, state: str = NOTHING_WRITTEN) -> NotWritten:
    return NotWritten(happened, state=state, next_step=next_step)
