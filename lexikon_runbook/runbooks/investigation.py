"""What an on-call engineer looks at before and after a rollback. Reads only."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..apply.outcome import Outcome
from ..postgres import activity, connections
from ..project.database import Database
from ..record import earlier_runs
from ..show.render import Block, Card, Code, Line, Shown, Table
from . import health
from .health import Health

LOG_BYTES = 65536
SERVER_TROUBLE = re.compile(r"\b(ERROR|FATAL|PANIC):")


@dataclass(frozen=True)
class Status(Shown):
    """Where the database is, since when, how the application is, who waits."""

    found: Database
    since: str
    health: Health
    waiting: tuple[str, ...]

    def blocks(self) -> Sequence[Block]:
        answer = "unknown" if self.health.healthy is None else self.health.answer
        lines = [
            ("Version", f"{self.found.version}, {self.since}"),
            ("Health", f"{answer} ({self.health.url})" if self.health.url else self.health.answer),
            ("Lock waits", "\n".join(self.waiting) or "no session waits for a lock"),
        ]
        good = self.health.healthy and not self.waiting
        return [Card(f"Status: {self.found.identity}", lines, "good" if good else "warning")]


def status(found: Database) -> Status:
    """The state of the database and of the application around it. Reads only."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        waiting = tuple(str(wait) for wait in activity.waiting(connection))
    current = found.version.current
    wanted = {current} if current else set()
    known = earlier_runs.applications(found.target, found.identity.key, wanted).get(current)
    since = f"applied {known.at} UTC by {known.by}" if known else "since when: not recorded"
    return Status(found, since, health.probe(found.target), waiting)


@dataclass(frozen=True)
class Activity(Shown):
    """The sessions of a database, its lock waits, and the errors that could be read."""

    sessions: tuple[activity.Session, ...]
    waiting: tuple[str, ...]
    counters: tuple[tuple[str, str], ...]
    errors: tuple[str, ...] | None

    def blocks(self) -> Sequence[Block]:
        lines = [
            ("Sessions", str(len(self.sessions))),
            ("Lock waits", "\n".join(self.waiting) or "none"),
            *self.counters,
        ]
        rows = [(str(s.pid), s.user, s.application, s.state, str(s)) for s in self.sessions]
        if self.errors is None:
            errors: Block = Line(
                "The server's log can't be read through SQL here (it needs pg_read_server_files "
                "and logging_collector = on): read it on the server."
            )
        else:
            errors = Code("\n".join(self.errors) or "no error in the last 64 kB", "Server log")
        return [
            Card("Database activity", lines, "warning" if self.waiting else "plain"),
            Table(("pid", "user", "application", "state", "what"), rows),
            errors,
        ]


def activity_now(found: Database) -> Activity:
    """Sessions, lock waits, counters and recent server errors. Reads only."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        counted = connections.rows(
            connection,
            "select xact_rollback, deadlocks, conflicts from pg_stat_database"
            " where datname = current_database()",
        )[0]
        names = ("Rolled back", "Deadlocks", "Conflicts")
        return Activity(
            activity.sessions(connection),
            tuple(str(wait) for wait in activity.waiting(connection)),
            tuple(zip(names, (f"{n} since the last reset" for n in counted), strict=True)),
            _server_errors(connection),
        )


def _server_errors(connection: connections.Connection) -> tuple[str, ...] | None:
    """The errors at the end of the server's log, or None when this role can't read it."""
    try:
        name = connections.first(connections.rows(connection, "select pg_current_logfile()"))
        if not name:
            return None
        text = connections.rows(
            connection,
            "select pg_read_file(%s, greatest(0, (pg_stat_file(%s)).size - %s), %s)",
            (name, name, LOG_BYTES, LOG_BYTES),
        )[0][0]
    except connections.Error:
        return None
    return tuple(line for line in text.splitlines() if SERVER_TROUBLE.search(line))


@dataclass(frozen=True)
class Fix(Shown):
    """What to do after a rollback, as commands with the names filled in."""

    commands: str

    def blocks(self) -> Sequence[Block]:
        return [Card("Next: start the fix"), Code(self.commands)]


def fix(found: Database, outcome: Outcome) -> Fix:
    """The commands that correct what was rolled back. Pure."""
    undone = [step.revision for step in outcome.plan.steps]
    name = undone[0].message if undone else "the broken migration"
    lines = [
        "# 1. reproduce it on the demo database, not on this one",
        "lexikon-runbook demo reset",
    ]
    lines += [
        f"# 2. {revision.id} is applied nowhere else? Then mend {revision.file.name}; otherwise:"
        for revision in undone[:1]
    ]
    lines += [
        found.target.alembic(f'revision --autogenerate -m "Fix: {name}"'),
        "# 3. see what it would do here, without doing it",
        f"{found.target.verb('plan')} --revision head",
    ]
    return Fix("\n".join(lines))
