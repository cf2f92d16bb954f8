"""The revision graph of a checkout: heads, order, checksums, and what a name means in it.

What a database is at comes from `version`; which steps lead from there to a revision is asked
of Alembic, in the worker.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import NOTHING_CHANGED, UnknownRevision
from ..targets.settings import Target
from .checkout import Folders, broken, checksum, line_in
from .failures import died, refused
from .process import Message
from .worker import ProjectFailed, Worker, WorkerDied

Direction = Literal["upgrade", "downgrade"]
LONGEST = 255  # characters of a file's name
# Alembic forbids @, + and - in an id, and reads a : as a range.
WORD = re.compile(r"([^\s@:+-]+@)?([^\s@:+-]+([+-][0-9]{1,4})?|[+-][0-9]{1,4})")
PLACES = ("head", "heads", "base")


@dataclass(frozen=True)
class Revision:
    """One revision file."""

    id: str
    down: tuple[str, ...]
    file: Path
    message: str
    checksum: str
    depends: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    text: str | None = field(default=None, compare=False, repr=False)

    @property
    def needs(self) -> tuple[str, ...]:
        """The revisions that come before it, by `down_revision` or by `depends_on`."""
        return (*self.down, *self.depends)

    @property
    def source(self) -> str:
        """The file's text, as it runs."""
        return self.file.read_text(encoding="utf-8") if self.text is None else self.text

    @property
    def of_checkout(self) -> bool:
        """Whether the checkout at hand has the very file that runs. Reads it."""
        try:
            return checksum(self.file.read_bytes()) == self.checksum
        except OSError:
            return False


@dataclass(frozen=True)
class History:
    """All revisions, each after those it needs; the script folder; the checksum of env.py."""

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    target: Target
    folder: Path
    env_py: str = ""

    def revision(self, id_: str) -> Revision:
        """The revision with exactly that id."""
        return next(r for r in self.revisions if r.id == id_)

    def named(self, text: str) -> Revision:
        """The revision that a user names by its id, or by the beginning of it. Pure.

        Raises UnknownRevision.
        """
        return self.revision(self._id(_word(text)))

    def __contains__(self, id_: object) -> bool:
        return any(r.id == id_ for r in self.revisions)

    def ancestors(self, ids: Iterable[str]) -> frozenset[str]:
        """These revisions and all that they follow or depend on. Pure."""
        needs = {revision.id: revision.needs for revision in self.revisions}
        found: set[str] = set()
        to_see = list(ids)
        while to_see:
            id_ = to_see.pop()
            if id_ not in found:
                found.add(id_)
                to_see += needs[id_]
        return frozenset(found)

    def pending(self, rows: Iterable[str]) -> tuple[str, ...]:
        """The revisions that a database with these version rows does not have, in order. Pure."""
        there = self.ancestors(rows)
        return tuple(r.id for r in self.revisions if r.id not in there)

    def applied(self, rows: Iterable[str]) -> tuple[Revision, ...]:
        """The revisions that a database with these version rows has, the newest first. Pure."""
        there = self.ancestors(rows)
        return tuple(r for r in reversed(self.revisions) if r.id in there)

    def direction(self, destination: str, rows: Iterable[str]) -> Direction:
        """Whether a place lies ahead of these version rows or behind them. Pure.

        Raises UnknownRevision for what is no revision.
        """
        text = self.resolved(destination).rpartition("@")[2]
        here = frozenset(rows)
        back = text == "base" or text.startswith("-")
        behind = self.ancestors(here) - here
        return "downgrade" if back or text in behind else "upgrade"

    def resolved(self, destination: str) -> str:
        """What a user wrote, an abbreviated id in full. Pure; raises UnknownRevision."""
        text = _word(destination)
        if "@" in text or text in PLACES or re.search(r"[+-]", text):
            return text
        labels = {label for revision in self.revisions for label in revision.labels}
        return text if text in labels else self._id(text)

    def _id(self, text: str) -> str:
        found = [r.id for r in self.revisions if r.id == text] or [
            r.id for r in self.revisions if r.id.startswith(text)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise _refuse(
                f"revision {text!r} is ambiguous: {', '.join(found)}.",
                "give more characters of the one you mean.",
            )
        near = difflib.get_close_matches(text, [r.id for r in self.revisions], 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _refuse(
            f"there is no revision {text!r} in {self.folder}{hint}",
            "`alembic history` lists the revisions of this checkout; a newer checkout may have it.",
        )


@dataclass(frozen=True)
class Move:
    """One revision of a way, up or down, with the version rows before and after it."""

    revision: Revision
    direction: Direction
    before: frozenset[str]
    after: frozenset[str]


def way(
    history: History, worker: Worker, direction: Direction, to: str, rows: Iterable[str]
) -> tuple[Move, ...]:
    """Alembic's own steps from these version rows to that place, in the order they run.

    Changes nothing. Raises UnknownRevision when there is no such way, and HistoryError for a
    revision on it that lacks the function.
    """
    here = tuple(sorted(rows))
    text = history.resolved(to)
    _right_way(direction, text)
    if direction == "upgrade" and text == "head" and len(history.heads) > 1:
        require_one_head(history)
    try:
        told = worker.ask("steps", direction=direction, to=text, rows=list(here))
    except ProjectFailed as error:
        if all(lacking := error.lacks(direction)):
            raise _lacks(history.target, *lacking) from None
        raise _no_way(history, direction, to, here, str(error.told["message"])) from error
    except WorkerDied as error:
        raise died(history.target, error) from None
    found = moves(history, direction, told)
    if not found and text not in PLACES and "@" not in text and text not in here:
        raise _no_way(history, direction, to, here, "it lies the other way")
    return found


def moves(history: History, direction: Direction, told: Message) -> tuple[Move, ...]:
    """The steps as the worker tells them. Pure."""
    return tuple(
        Move(
            revision=history.revision(step["revision"]),
            direction=direction,
            before=frozenset(step["before"]),
            after=frozenset(step["after"]),
        )
        for step in told["steps"]
    )


def _lacks(target: Target, file: str, function: str) -> UnknownRevision:
    happened = f"{file} has no function {function}()."
    advice = f"write it; where there is nothing to do: def {function}() -> None: pass"
    return _refuse(target.mask(happened), advice)


def _no_way(
    history: History, direction: Direction, destination: str, rows: Sequence[str], why: str
) -> UnknownRevision:
    there, way, other = list(history.pending(rows)), "after", "rollback"
    if direction == "downgrade":
        behind = [r.id for r in history.applied(rows) if r.id not in rows]
        there, way, other = [*behind, "base"], "before", "deploy"
    choice = f"choose one {way} it ({', '.join(there[:5])})" if there else f"none is {way} it"
    if direction == "upgrade" and len(history.heads) > 1:
        choice += f"; revision=heads goes to all heads ({', '.join(history.heads)})"
    return _refuse(
        f"{direction} from {named(rows)} to {destination!r} is not possible: {why.rstrip('.')}.",
        f"{choice}, or run {other}.ipynb to go the other way.",
    )


def named(rows: Iterable[str]) -> str:
    """Version rows in words. Pure."""
    return ", ".join(sorted(filter(None, rows))) or "base"


def read(target: Target, worker: Worker, folders: Folders, files: Sequence[Path]) -> History:
    """The checkout's revisions, as Alembic walks them in that worker. Changes nothing.

    Raises HistoryError for duplicate ids, missing parents and a file that can't be imported.
    """
    try:
        told = worker.ask("history")
    except WorkerDied as error:
        raise died(target, error) from None
    except ProjectFailed as error:
        if error.told["cls"] == "Fenced":
            raise refused(target, error) from None
        own = f"{error.told['module']}.{error.told['cls']}"
        if own.startswith("alembic."):
            happened = target.mask(str(error.told["message"]))
            raise broken(happened, "`alembic history` must be able to read them, too.") from error
        said = target.mask(error.words)
        raise broken(
            f"{line_in(files, error.told)}a revision file can't be imported: {said}.",
            "mend it; `alembic history` must be able to read it, too.",
        ) from None
    revisions = tuple(_revision(each) for each in told["revisions"])
    return History(revisions, tuple(told["heads"]), target, folders.script, told["env_py"])


def _revision(told: Message) -> Revision:
    return Revision(
        id=told["id"],
        down=tuple(told["down"]),
        file=Path(told["file"]),
        message=told["message"],
        checksum=told["sha256"],
        depends=tuple(told["depends"]),
        labels=tuple(told["labels"]),
        text=told["source"],
    )


def require_one_head(history: History) -> None:
    """Refuse a checkout with several heads, naming them and the merge command. Pure."""
    if len(history.heads) > 1:
        named = "; ".join(
            f"{h} ({history.revision(h).message}, {history.revision(h).file.name})"
            for h in history.heads
        )
        raise broken(
            f"the checkout has {len(history.heads)} heads: {named}.",
            'run with revision="heads" for all of them, "LABEL@head" for one branch; or join '
            "them: " + history.target.alembic(f'merge -m "Merge heads" {" ".join(history.heads)}'),
            "several-heads",
        )


def _word(text: str) -> str:
    """A revision as a user may write it, or a refusal."""
    text = text.strip()
    advice = "give a revision id, head, heads, base, +N, -N or LABEL@head (`alembic history`)."
    if not text:
        raise _refuse("the revision is empty.", advice)
    if len(text) > LONGEST:
        raise _refuse(
            f"a revision of {len(text)} characters can't exist: the longest is {LONGEST}.", advice
        )
    if not (text.isprintable() and WORD.fullmatch(text)):
        raise _refuse(f"{text!r} is no revision.", advice)
    return text


def _right_way(direction: Direction, text: str) -> None:
    place = text.rpartition("@")[2]
    if direction == "upgrade" and (place == "base" or place.startswith("-")):
        raise _refuse(f"deploy only goes forward; {text!r} goes back.", "run rollback.ipynb.")
    if direction == "downgrade" and (place in ("head", "heads") or place.startswith("+")):
        raise _refuse(f"rollback only goes back; {text!r} goes forward.", "run deploy.ipynb.")


def _refuse(happened: str, next_step: str) -> UnknownRevision:
    return UnknownRevision(happened, state=NOTHING_CHANGED, next_step=next_step)
