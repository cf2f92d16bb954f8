"""A situation: what was read of a database and a checkout, each part of which may be unknown. Pure.

Nothing here reads anything: `lexikon_runbook.diagnosis.reading` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ..targets.target import Target
from .evidence import (
    Address,
    Checkout,
    Edited,
    Git,
    Graph,
    Pending,
    Schema,
    Sequences,
    Server,
    Session,
    VersionTable,
    Wait,
)
from .proofs import Drifted, Match, Overlap, Trial

T = TypeVar("T")


@dataclass(frozen=True)
class Unknown:
    """What could not be read, and why, in words without a secret."""

    why: str


class NotKnown(Exception):
    """A diagnosis needs something that could not be read."""


def of(fact: T | Unknown) -> T:
    """The fact, where it is known. Raises NotKnown with the reason where it is not."""
    if isinstance(fact, Unknown):
        raise NotKnown(fact.why)
    return fact


@dataclass(frozen=True)
class Names:
    """What the user calls things, and what the user saw."""

    target: Target
    env_py: str = "env.py"
    where: str = "this database"
    revision: str = "head"
    error: str = ""
    sqlstates: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """An error that kept something from being read: its type, and what it says."""

    kind: str
    happened: str
    next_step: str


NOT_PROVED = Unknown("run.prove() has not been run")
NOT_CONNECTED = Unknown("the database was not reached")


@dataclass(frozen=True)
class Situation:
    """All that was read of a database and a checkout."""

    names: Names
    refused: Refusal | None = None
    unreadable: Refusal | None = None
    env_failed: Refusal | None = None
    no_way: Refusal | None = None
    interrupted: tuple[str, ...] | Unknown = ()
    address: Address | Unknown = NOT_CONNECTED
    server: Server | Unknown = NOT_CONNECTED
    waits: tuple[Wait, ...] | Unknown = NOT_CONNECTED
    transactions: tuple[Session, ...] | Unknown = NOT_CONNECTED
    prepared: tuple[Session, ...] | Unknown = NOT_CONNECTED
    runner: tuple[Session, ...] | Unknown = NOT_CONNECTED
    schema: Schema | Unknown = NOT_CONNECTED
    sequences: Sequences | Unknown = NOT_CONNECTED
    version: VersionTable | Unknown = NOT_CONNECTED
    others: tuple[VersionTable, ...] | Unknown = NOT_CONNECTED
    checkout: Checkout | Unknown = NOT_CONNECTED
    graph: Graph | Unknown = NOT_CONNECTED
    git: Git | Unknown = NOT_CONNECTED
    pending: Pending | Unknown = NOT_CONNECTED
    edited: tuple[Edited, ...] | Unknown = NOT_CONNECTED
    match: Match | Unknown = NOT_PROVED
    drift: tuple[Drifted, ...] | Unknown = NOT_PROVED
    trial: Trial | Unknown = NOT_PROVED
    overlap: Overlap | Unknown = NOT_PROVED
    models: tuple[str, ...] | Unknown = NOT_PROVED
