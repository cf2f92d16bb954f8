"""What throwaway databases showed, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Match:
    """Which revisions a database's catalog is that of, the newest last.

    Without one, `nearest` is the most similar, and `difference` what the database has that it
    has not (+), and so on. `built` states were built, on a PostgreSQL of version `on`; `stopped`
    says why no more of them. A state is a revision, or several for several version rows.
    """

    exact: tuple[str, ...]
    nearest: str = ""
    difference: tuple[Drifted, ...] = ()
    built: int = 0
    on: str = ""
    stopped: str = ""


@dataclass(frozen=True)
class Drifted:
    """One object that a database has or lacks (sign + or -), or has otherwise (~)."""

    sign: str
    kind: str
    name: str
    line: str


@dataclass(frozen=True)
class Left:
    """What a revision's downgrade did not undo."""

    revision: str
    file: str
    changes: tuple[Drifted, ...]


@dataclass(frozen=True)
class Trial:
    """The pending revisions on a throwaway database: up, down and up again.

    `failed` is the revision that did not run up, and `happened` what it said. `left` is what
    downgrades did not undo; `stuck` are revisions whose way down, or up again, failed, with why.
    """

    tried: tuple[str, ...] = ()
    persisted: bool = True
    failed: str = ""
    file: str = ""
    happened: str = ""
    left: tuple[Left, ...] = ()
    stuck: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Overlap:
    """What the branches of several heads do to a common database, each built on a throwaway one."""

    touches: Mapping[str, tuple[str, ...]]
    tables: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    together: str = ""
