"""Small Alembic projects of tests/histories, each deployed to a test's own database.

What a run must not leave behind (sessions, threads, listeners, the working folder, the
environment, loggers) is checked after every test that uses a project.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from psycopg2.extensions import connection as Connection
from servers import Database

from lexikon_runbook.apply import chain, migrate
from lexikon_runbook.apply.outcome import Outcome
from lexikon_runbook.plan import making
from lexikon_runbook.plan.plan import Plan
from lexikon_runbook.plan.policy import Policy
from lexikon_runbook.project import preflight
from lexikon_runbook.project import project as opening
from lexikon_runbook.project.database import Database as Looked
from lexikon_runbook.project.history import Direction
from lexikon_runbook.project.project import Project as Opened
from lexikon_runbook.targets.settings import Target

HISTORIES = Path(__file__).parent / "histories"
URL = "TEST_TARGET_URL"
OF_TESTS = ("PYTEST_", "MYAPP_", "OTHER_TARGET_URL", "DATABASE_URL")
FAST = Policy(lock_timeout_s=0.2, statement_timeout_s=10.0, lock_attempts=3)
WAIT_S = 10.0


def until(condition: Callable[[], Any], what: str) -> Any:
    """Poll until the condition holds; a test that waits in vain fails here."""
    polls = round(WAIT_S / 0.01)
    for _ in range(polls):
        if found := condition():
            return found
        threading.Event().wait(0.01)
    raise AssertionError(f"not seen in {WAIT_S} s: {what}")


@dataclass
class Lines:
    """What a run says; each line may set something off."""

    lasted: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    on_lasting: Callable[[str], None] = lambda line: None
    on_passing: Callable[[str], None] = lambda line: None

    def lasting(self, line: str) -> None:
        """Keep a line that stays."""
        self.lasted.append(line)
        self.on_lasting(line)

    def applied(self, line: str, facts: Mapping[str, object]) -> None:
        """Keep what the record would."""
        self.lasting(line)
        self.steps.append(str(facts["revision"]))

    def passing(self, line: str) -> None:
        """Keep a line that the next one replaces."""
        self.passed.append(line)
        self.on_passing(line)

    def __str__(self) -> str:
        return "\n".join([*self.lasted, *self.passed])


@dataclass(frozen=True)
class Project:
    """One project's own copy, and the target that names the test's database."""

    target: Target
    database: Database
    report: Lines = field(default_factory=Lines)
    workers: dict[Target, Opened] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its alembic.ini is."""
        return self.target.project

    def check(self, direction: Direction = "upgrade") -> Looked:
        """Preflight."""
        return preflight.check(self.target, direction, self.opened())

    def opened(self) -> Opened:
        """The project's workers, of one kind for all that a test does with it."""
        if self.target not in self.workers:
            self.workers[self.target] = Opened(self.target)
        return self.workers[self.target]

    def plan(self, revision: str = "head", direction: Direction = "upgrade") -> Plan:
        """The plan to that revision."""
        return making.make(self.check(direction), direction, revision, FAST.lock_timeout_s)

    def apply(self, shown: Plan, policy: Policy = FAST, report: Lines | None = None) -> Outcome:
        """Run a plan that was made before."""
        found = self.check(shown.direction)
        return migrate.apply(shown, found, policy, report or self.report)

    def deploy(self, revision: str = "head", policy: Policy = FAST) -> Outcome:
        """Plan the way up and run it."""
        return self.apply(self.plan(revision), policy)

    def roll_back(self, revision: str = "-1", policy: Policy = FAST) -> Outcome:
        """Plan the way down and run it."""
        return self.apply(self.plan(revision, "downgrade"), policy)

    def current(self, table: str = "alembic_version") -> str:
        """The version rows, read past the package."""
        if not self.database.rows("select to_regclass(%s)", table)[0][0]:
            return ""
        rows = self.database.rows(f"select version_num from {table} order by 1")
        return ", ".join(row[0] for row in rows)

    def columns(self, table: str) -> str:
        """A table's columns, in order; empty when there is no such table."""
        rows = self.database.rows(
            "select column_name from information_schema.columns where table_name = %s"
            " order by ordinal_position",
            table,
        )
        return " ".join(row[0] for row in rows)

    def holding(self, table: str, application: str = "reporting") -> Connection:
        """A session that has read the table and stays idle in its transaction."""
        connection = self.database.connect(application_name=application)
        run(connection, f"begin; select count(*) from {table}")
        return connection

    def writing(self, table: str, application: str = "importer") -> Connection:
        """A session that is about to write the table and stays idle in its transaction."""
        connection = self.database.connect(application_name=application)
        run(connection, f"begin; lock table {table} in row exclusive mode")
        return connection

    def with_url(self, monkeypatch: pytest.MonkeyPatch, url: str) -> Project:
        """The same project, its database reached by that URL."""
        monkeypatch.setenv("OTHER_TARGET_URL", url)
        return replace(self, target=replace(self.target, url_env="OTHER_TARGET_URL"))


def run(connection: Connection, sql: str) -> None:
    """Run a statement on a session that stays open."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def projects(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Project]]:
    """A maker of projects: `project("plain", env_py_variable="MYAPP_DSN")`."""
    monkeypatch.setenv(URL, database.url)
    monkeypatch.setattr(chain, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(opening, "COPIES", 1)
    shutil.copytree(HISTORIES, tmp_path / "histories")
    made: list[dict[Target, Opened]] = []

    def project(name: str, **fields: Any) -> Project:
        folder = tmp_path / "histories" / name
        given = {"url_env": URL, "throwaway_url_env": URL, **fields}
        own = Project(Target("test", folder, **given), database)
        made.append(own.workers)
        return own

    before, left = _surroundings(), _left()
    yield project
    for workers in made:
        for opened in workers.values():
            opened.end()
    assert _surroundings() == before
    until(lambda: _left() <= left, "the end of every worker and its thread")
    until(lambda: not _sessions(database), "the end of every session of the run")


def _surroundings() -> dict[str, Any]:
    root = logging.root
    return {
        "folder": os.getcwd(),
        "environment": {k: v for k, v in os.environ.items() if not k.startswith(OF_TESTS)},
        "path": sys.path[:],
        "logging": (root.level, root.manager.disable, root.handlers[:]),
    }


def _left() -> set[int | None]:
    """The worker processes that there are, and the threads of ours."""
    threads = {t.ident for t in threading.enumerate() if t.name.startswith("lexikon-runbook")}
    return threads | {each.pid for each in psutil.Process().children() if _is_worker(each)}


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return any(word.startswith("lxw") for word in process.cmdline())
    return False


def _sessions(database: Database) -> list[tuple[Any, ...]]:
    with closing(database.server.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select pid, application_name, state, query from pg_stat_activity"
            " where datname = %s and application_name like 'lexikon-runbook%%'",
            (database.name,),
        )
        return cursor.fetchall()
