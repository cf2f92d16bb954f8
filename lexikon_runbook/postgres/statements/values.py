"""What a statement does, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from .tokens import keywords

MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
"""The table lock modes, weakest first (manual, 13.3.1 Table-Level Locks)."""

NO_LOCK = "no lock"


def strength(mode: str) -> int:
    """0 for no lock, 8 for ACCESS EXCLUSIVE."""
    return MODES.index(mode) + 1 if mode in MODES else 0


@dataclass(frozen=True)
class Lock:
    """One table lock: its mode and the relation it is on."""

    mode: str
    relation: str

    def __str__(self) -> str:
        return f"{self.mode} on {self.relation}"


@dataclass(frozen=True)
class Effect:
    """One thing a statement does.

    `action` is creates, alters, drops, writes or other; `name` and `table` are normalised
    and as qualified as the SQL has them ("" when it has none). `clause` is the part of the
    SQL that says it, `locks` what it takes on tables that exist before it (None: unknown).
    """

    action: str
    kind: str
    name: str
    table: str = ""
    verb: str = ""
    clause: str = ""
    locks: tuple[Lock, ...] | None = None
    rewrites: bool | None = None
    type: str = ""
    default: str = ""

    def says(self, phrase: str) -> bool:
        """Whether the clause has these keywords, outside quotes and parentheses."""
        return f" {phrase} " in keywords(self.clause)


@dataclass(frozen=True)
class Statement:
    """One SQL statement, read without a database.

    `locks` are on relations that exist before the statement and that it names; None means
    unknown, never "none". `unnamed` says in words what else it locks that its text does
    not name. `rewrites` is None when it depends on the table or on a function.
    `concurrently` is true for the forms that let writers work; `transactional` is false
    for what PostgreSQL refuses inside a transaction block.
    """

    text: str
    verb: str
    effects: tuple[Effect, ...]
    locks: tuple[Lock, ...] | None
    rewrites: bool | None = False
    concurrently: bool = False
    transactional: bool = True
    unnamed: str = ""

    @property
    def lock(self) -> str | None:
        """The strongest mode it takes, `NO_LOCK`, or None when that is unknown."""
        if self.locks is None:
            return None
        return max((lock.mode for lock in self.locks), key=strength, default=NO_LOCK)

    def says(self, phrase: str) -> bool:
        """Whether it has these keywords, outside quotes and parentheses."""
        return f" {phrase} " in keywords(self.text)

    def __str__(self) -> str:
        return self.text
