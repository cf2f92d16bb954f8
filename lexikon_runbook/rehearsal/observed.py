"""What was seen of a revision that ran on a shadow: what it sent, and what that did. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..postgres.names import parts
from ..project.process import Message
from ..project.seen import FailedStatement, Outside
from .structures import Structure

Wrote = Mapping[str, tuple[int, int, int]]
"""Rows inserted, updated and deleted, by the table's name."""

MOST_TEXT = 20_000
"""Where the worker cuts a text; its key is of all of it."""

SPACED = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
"""A lock's mode as SQL spells it, by its name in pg_locks."""


@dataclass(frozen=True)
class Effects:
    """What was done to relations that were there before: locks (mode and name), names, rows."""

    locks: tuple[tuple[str, str], ...] = ()
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    wrote: Wrote = field(default_factory=dict)

    @classmethod
    def told(cls, message: Mapping[str, Any]) -> Effects:
        """As the worker tells them. Pure."""
        return cls(
            locks=tuple((SPACED[mode], name) for mode, name in message.get("locks", ())),
            rewritten=tuple(message.get("rewritten", ())),
            scanned=tuple(message.get("scanned", ())),
            wrote={name: (a, b, c) for name, (a, b, c) in message.get("wrote", {}).items()},
        )


@dataclass(frozen=True)
class Sent:
    """One statement: its `text` with its values, and a `key` of both, whole.

    `form` is the text without values, as the driver gets it; `reads` whether the server let it
    through where nothing can be written, `alone` whether it committed by itself, so that its locks
    were gone when they were looked for.
    """

    text: str
    form: str
    key: str
    times: int = 1
    reads: bool = False
    alone: bool = False
    effects: Effects = Effects()

    @property
    def whole(self) -> bool:
        """Whether `text` is all of it."""
        return self.times == 1 and len(self.text) < MOST_TEXT

    @classmethod
    def told(cls, statement: Message, sent: Message) -> Sent:
        """As the worker told it before and after it was sent. Pure."""
        return cls(
            text=str(statement["text"]).replace("\t", "    ").strip(),
            form=str(statement["sql"]),
            key=str(statement["key"]),
            times=int(statement["times"]),
            reads=bool(sent["reads"]),
            alone=bool(sent["alone"]),
            effects=Effects.told(sent),
        )


@dataclass(frozen=True)
class Whole:
    """What one revision's transaction held and wrote before its COMMIT, by the table's name."""

    locks: Mapping[str, str] = field(default_factory=dict)
    wrote: Wrote = field(default_factory=dict)

    @classmethod
    def told(cls, message: Mapping[str, Any]) -> Whole:
        """As the worker tells it. Pure."""
        return cls(
            locks={name: SPACED[mode] for name, mode in message["locks"].items()},
            wrote={name: (a, b, c) for name, (a, b, c) in message["wrote"].items()},
        )

    def without(self, table: str) -> Whole:
        """The same without that table (a plain `table` or `schema.table`)."""
        own = table.split(".")

        def other(name: str) -> bool:
            return list(parts(name)[-len(own) :]) != own

        return Whole(
            {name: mode for name, mode in self.locks.items() if other(name)},
            {name: rows for name, rows in self.wrote.items() if other(name)},
        )


@dataclass(frozen=True)
class Failed:
    """What a revision ended with on a shadow: `words`, and the statement where one failed."""

    revision: str
    words: str
    statement: FailedStatement | None = None


@dataclass(frozen=True)
class Leg:
    """One revision that ran on one shadow. `unseen` is what no statement that was seen did.

    `after` is the structure when it was committed, where that was read.
    """

    revision: str
    sent: tuple[Sent, ...] = ()
    whole: Whole = Whole()
    unseen: Effects = Effects()
    tried: tuple[Outside, ...] = ()
    after: Structure | None = None

    @property
    def writing(self) -> tuple[Sent, ...]:
        """The statements that do not only read, in their order."""
        return tuple(each for each in self.sent if not each.reads)

    @property
    def reading(self) -> tuple[Sent, ...]:
        """The statements that read a table that was there before."""
        return tuple(each for each in self.sent if each.reads and each.effects.locks)


@dataclass(frozen=True)
class Run:
    """A way that ran on one shadow: a leg a revision, in order, until one failed."""

    legs: tuple[Leg, ...]
    failed: Failed | None = None

    def leg(self, revision: str) -> Leg:
        """That of one revision."""
        return next(leg for leg in self.legs if leg.revision == revision)
