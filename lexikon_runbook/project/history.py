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
from .relative import FORM, Walk, walk
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
        place = self.resolved(destination)
        text, here = place.rpartition("@")[2], frozenset(rows)
        behind = self.ancestors(here) - here
        if walk := self.walk(place, here):
            return "downgrade" if walk.leads_back(behind, here) else "upgrade"
        back = text == "base" or text.startswith("-") or text in behind
        return "downgrade" if back else "upgrade"

    def resolved(self, destination: str) -> str:
        """What a user wrote, an abbreviated id in full. Pure; raises UnknownRevision."""
        text = _word(destination)
        if "@" in text or text in PLACES:
            return text
        start, sign, steps = re.fullmatch(r"([^+-]*)([+-]?)(.*)", text).groups()  # type: ignore[union-attr]
        if start in ("", *PLACES, *self._labels):
            return text
        return f"{self._id(start)}{sign}{steps}"

    def walk(self, place: str, rows: Iterable[str]) -> Walk | None:
        """Where a relative form leads, from its revision or from the one row that there is. Pure.

        None for any other form, and where it starts from several rows or heads. Raises
        UnknownRevision for a start that is no revision.
        """
        form = FORM.fullmatch(place)
        if form is None:
            return None
        label, start, steps = form[1] or "", form[2], int(form[3])
        from_ = self._start(start) if start else list(rows) or [""]
        if len(from_) != 1 or (label and not start):
            return None
        of_label = frozenset(r.id for r in self.revisions if label in (*r.labels, r.id))
        return walk(from_[0], steps, label, {r.id: r.down for r in self.revisions}, of_label)

    def _start(self, name: str) -> list[str]:
        """What a walk from that name may start at: `base` is "", a label where it begins."""
        if name == "base":
            return [""]
        if name in ("head", "heads"):
            return list(self.heads)
        of_label = [r.id for r in self.revisions if name in r.labels]
        return of_label[:1] or [self._id(name)]

    @property
    def _labels(self) -> frozenset[str]:
        return frozenset(label for revision in self.revisions for label in revision.labels)

    def _id(self, text: str) -> str:
        found = [r.id for r in self.revisions if r.id == text] or [
            r.id for r in self.revisions if r.id.startswith(text)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise refuse(
                f"revision {text!r} is ambiguous: {', '.join(found)}.",
                "give more characters of the one you mean.",
            )
        near = difflib.get_close_matches(text, [r.id for r in self.revisions], 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise refuse(
            f"there is no revision {text!r} in {self.folder}{hint}",
            "`alembic history` lists the revisions of this checkout; a newer checkout may have it.",
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
        if error.told["fenced"]:
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
    advice = "give an id, head, heads, base, +N, -N, ID+N, ID-N or LABEL@head (`alembic history`)."
    if not text:
        raise refuse("the revision is empty.", advice)
    if len(text) > LONGEST:
        raise refuse(
            f"a revision of {len(text)} characters can't exist: the longest is {LONGEST}.", advice
        )
    if not (text.isprintable() and WORD.fullmatch(text)):
        raise refuse(f"{text!r} is no revision.", advice)
    return text


def refuse(happened: str, next_step: str) -> UnknownRevision:
    """A refusal of what names no revision, or none on the way. Pure."""
    return UnknownRevision(happened, state=NOTHING_CHANGED, next_step=next_step)
