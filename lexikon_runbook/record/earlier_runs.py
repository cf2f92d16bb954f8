"""What earlier records say of a database: who applied what when, and what was cut short.

Reads the archive; only `close_abandoned` writes, and only the record of a dead run.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from ..apply import readback
from ..errors import RunbookError
from ..facts import Facts
from ..postgres import connections, runner
from ..project.database import Database
from ..project.history import Revision, named
from ..project.ways import Move
from ..show.render import Block, Card, Shown, Table
from ..targets.settings import Target
from . import archive, ending
from .record import Record

SHOWN = 10
SETTLE_S = 30.0


@dataclass(frozen=True)
class Application:
    """One revision's last way into a database, by the record of the run that did it."""

    at: str
    by: str
    checksum: str
    folder: Path


@dataclass(frozen=True)
class Applied(Shown):
    """The newest revisions in a database, the newest first, with what the archive knows."""

    target: Target
    newest: tuple[Revision, ...]
    does: dict[str, str]
    known: dict[str, Application]
    current: str

    def blocks(self) -> Sequence[Block]:
        if not self.newest:
            return [Card("Which migration: none is applied", tone="good")]
        rows = [self._row(revision) for revision in self.newest]
        title = f"Which migration: the last {len(rows)}, the newest is {self.current}"
        headings = ("revision", "what it did", "when (UTC)", "by", "file")
        return [Card(title), Table(headings, rows, ["warning"])]

    def _row(self, revision: Revision) -> tuple[str, ...]:
        mark = " <- now" if revision.id == self.current else ""
        does = self.does.get(revision.id, "")
        words = f"{revision.message}\n{does}" if does else revision.message
        known = self.known.get(revision.id)
        if known is None:
            return (revision.id + mark, words, "not by a recorded run", "unknown", "unknown")
        same = known.checksum == revision.checksum
        file = "unchanged since" if same else "EDITED since it was applied"
        return (revision.id + mark, words, known.at, known.by, file)


def applied(found: Database) -> Applied:
    """The last ten revisions in the database. Reads only."""
    newest = found.history.applied(found.version.ids)[:SHOWN]
    return Applied(
        found.target,
        newest,
        _does(found, newest),
        applications(found.target, found.identity.key, {revision.id for revision in newest}),
        found.version.current,
    )


def _does(found: Database, newest: Sequence[Revision]) -> dict[str, str]:
    """What each revision's upgrade does, in words; nothing where it can't be rendered."""
    from ..postgres import statements

    ways = [
        Move(revision, "upgrade", frozenset(revision.down), frozenset({revision.id}))
        for revision in reversed(newest)
    ]
    try:
        rendered = found.project.rendered(ways)
    except RunbookError:
        return {}
    return {
        id_: statements.describe(statements.read_all(each.sql or ()))
        for id_, each in rendered.items()
    }


def applications(target: Target, key: str, wanted: Set[str]) -> dict[str, Application]:
    """The recorded upgrades that still count in the database with that key, by revision.

    One that a later recorded rollback undid does not. Reads back until all `wanted` are found.
    """
    newest: dict[str, Application | None] = {}
    for folder, facts in archive.recent(target.archive):
        if wanted <= newest.keys():
            break
        if (facts["database"] or {}).get("key") != key:
            continue
        for step in facts["steps"]:
            made = Application(_time(facts), _who(facts), step["sha256"], folder)
            newest.setdefault(step["revision"], made if step["direction"] == "upgrade" else None)
    return {revision: made for revision, made in newest.items() if made is not None}


def _time(facts: Facts) -> str:
    return str(facts["started"])[:19].replace("T", " ")


def _who(facts: Facts) -> str:
    ci = ", ".join(f"{name} {value}" for name, value in facts["who"]["ci"].items())
    return f"{facts['who']['user']}@{facts['who']['host']}" + (f" ({ci})" if ci else "")


def cut_short(target: Target) -> list[tuple[Path, Facts]]:
    """Runs on this target that never ended and whose process is gone. Reads only."""
    return [
        (folder, facts)
        for folder, facts in itertools.islice(archive.recent(target.archive), 50)
        if facts.get("target") == target.name and archive.abandoned(facts)
    ]


def close_abandoned(target: Target, after: str) -> list[str]:
    """End the records of runs whose kernel was killed. Writes their record.json.

    `after` is where the database was found, for a run that was killed before it knew that.
    Returns what to tell the person, a line a run.
    """
    told = []
    for folder, facts in cut_short(target):
        now = settled(target, facts["version_table"]) if facts["version_table"] else after
        during = facts["doing"] or "before or between its stages"
        told.append(
            f"a {facts['runbook']} of this target, begun {_time(facts)} UTC, was cut short "
            f"during {during}{ending.gone(now)}; {ending.where(now)}"
        )
        ending.died(Record(folder, facts, target.mask), now)
    return told


def settled(target: Target, table: str) -> str:
    """Where the database is once no killed run is at work in it, for which it waits. Reads only.

    `ending.UNKNOWN` and the reason where that can't be told.
    """
    try:
        if pid := _left_behind(target):
            return f"{ending.UNKNOWN}a session of the killed run is still at work (pid {pid})"
        return named(readback.rows_of(target, table))
    except (RunbookError, connections.Error) as error:
        return f"{ending.UNKNOWN}the database could not be read ({type(error).__name__})"


def _left_behind(target: Target) -> int | None:
    """The server process of a killed run that is still there after SETTLE_S."""
    deadline, pause = time.monotonic() + SETTLE_S, threading.Event()
    with contextlib.closing(connections.connect(target)) as connection:
        while left := connections.rows(connection, runner.LEFT_BEHIND, (runner.APPLYING,)):
            if time.monotonic() > deadline:
                return int(left[0][0])
            pause.wait(runner.POLL_S)
    return None
