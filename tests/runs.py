"""A small project in a temporary folder, and its runbooks run as a user runs them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from servers import PROJECT, Database

BIN = Path(sys.executable).parent
LIMIT_S = 60.0
# PYTEST_CURRENT_TEST would change how ipykernel treats its standard error.
FOREIGN = ("DATABASE_URL", "LEXIKON_RUNBOOK_", "PG", "PYTEST_", "PYTHON", "GITHUB_", "JPY_")
TOML = """
archive = "archive"
throwaway_url_env = "SHADOW_URL"

[targets.staging]
url_env = "STAGING_URL"
{staging}

[targets.production]
url_env = "STAGING_URL"
protection = "protected"
"""

# A deploy's parameters, for the tests that call the stages without a kernel.
VALUES = {
    "dry_run": False,
    "lock_timeout_s": 2.0,
    "statement_timeout_s": 60.0,
    "lock_attempts": 2,
    "health_deadline_s": 0.1,
    "target": "staging",
}


@dataclass(frozen=True)
class Ended:
    """A command that ended: what it printed, and the record it left, if it left a new one."""

    exit_code: int
    out: str
    err: str
    folder: Path | None

    @property
    def record(self) -> dict[str, Any]:
        assert self.folder is not None, f"no record was left:\n{self.out}\n{self.err}"
        found: dict[str, Any] = json.loads((self.folder / "record.json").read_text())
        return found

    @property
    def journal(self) -> list[dict[str, Any]]:
        assert self.folder is not None
        lines = (self.folder / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class Project:
    """A project with Lexikon's migrations and runbooks, an archive of its own, two targets."""

    folder: Path
    database: Database
    url: str

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def environment(self) -> dict[str, str]:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(FOREIGN)}
        demo = str(self.folder / "demo")
        shadow = {"SHADOW_URL": self.database.url} if self.database else {}
        return {**kept, **shadow, "STAGING_URL": self.url, "LEXIKON_RUNBOOK_DEMO_DIR": demo}

    def folders(self) -> list[Path]:
        """The records of the archive, the oldest first."""
        return sorted(f.parent for f in self.archive.glob("**/record.json"))

    def run(self, runbook: str, **parameters: Any) -> Ended:
        """`lexikon-runbook run RUNBOOK -p target=staging ...`, to its end."""
        return self.wait(self.start(runbook, **parameters))

    def start(self, runbook: str, **parameters: Any) -> Going:
        """`lexikon-runbook run`, under way."""
        given = [f"{n}={v}" for n, v in {"target": "staging", **parameters}.items()]
        words = [word for pair in given for word in ("-p", pair)]
        return self.command([str(BIN / "lexikon-runbook"), "run", runbook, *words])

    def papermill(self, *words: str, cwd: Path | None = None, **environment: str) -> Ended:
        """`papermill --no-progress-bar ...`, to its end."""
        return self.wait(self.start_papermill(*words, cwd=cwd, **environment))

    def start_papermill(self, *words: str, cwd: Path | None = None, **environment: str) -> Going:
        """`papermill`, under way."""
        return self.command([str(BIN / "papermill"), *words], cwd, environment)

    def command(
        self, words: list[str], cwd: Path | None = None, environment: dict[str, str] | None = None
    ) -> Going:
        """Start a command in the project, as the leader of a session of its own."""
        said = [(self.folder / f"said.{time.monotonic_ns()}.{n}").open("w+b") for n in (1, 2)]
        process = subprocess.Popen(
            words,
            cwd=cwd or self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=said[0],
            stderr=said[1],
            start_new_session=True,
        )
        return Going(process, said, set(self.folders()))

    def wait(self, going: Going) -> Ended:
        """Wait for a command; one that hangs is a failure."""
        try:
            code = going.process.wait(LIMIT_S)
        finally:
            if going.process.poll() is None:
                os.killpg(going.process.pid, signal.SIGKILL)
        out, err = (_text(file) for file in going.said)
        new = [f for f in self.folders() if f not in going.before]
        return Ended(code, out, err, new[-1] if new else None)

    def notebook(self, runbook: str, edit: Callable[[Any], None]) -> Path:
        """Write a copy of a runbook under its own name, edited; returns its path."""
        file = self.folder / "runbooks" / f"{runbook}.ipynb"
        book = nbformat.read(file, as_version=4)
        edit(book)
        nbformat.write(book, file)
        return file


@dataclass(frozen=True)
class Going:
    """A command under way."""

    process: subprocess.Popen[bytes]
    said: list[Any]
    before: set[Path]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


def _text(file: Any) -> str:
    with file:
        file.seek(0)
        return str(file.read().decode("utf-8", "replace"))


def make(folder: Path, database: Database, staging: str = "", url: str = "") -> Project:
    """Make a project for that database, with these lines under [targets.staging]."""
    shutil.copytree(PROJECT / "alembic", folder / "alembic")
    shutil.copytree(PROJECT / "runbooks", folder / "runbooks")
    shutil.copy(PROJECT / "alembic.ini", folder)
    (folder / "runbook.toml").write_text(TOML.format(staging=staging))
    return Project(folder, database, url or database.tcp_url)


def version(database: Database) -> str:
    """Where a database is, as its own version table says."""
    return ", ".join(row[0] for row in database.rows("select version_num from alembic_version"))


def until(true: Callable[[], Any], what: str, within_s: float = 30.0) -> Any:
    """Poll until something holds, and return it."""
    deadline, pause = time.monotonic() + within_s, threading.Event()
    while not (found := true()):
        assert time.monotonic() < deadline, f"did not happen: {what}"
        pause.wait(0.02)
    return found


WAITING = """
select pid from pg_stat_activity
where datname = current_database() and application_name = 'lexikon-runbook apply'
  and wait_event_type = 'Lock'
"""
OWN = """
select pid from pg_stat_activity
where datname = current_database() and application_name like 'lexikon-runbook%'
"""


@contextmanager
def blocked(database: Database) -> Iterator[Callable[[], int]]:
    """Hold `users` as a writer does, so that the foreign key of Lexikon's last revision waits.

    Gives a call that waits until a migration waits for it, and returns its backend's pid.
    """
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("lock table users in row exclusive mode")

    def wait() -> int:
        return int(until(lambda: database.rows(WAITING), "a migration waits")[0][0])

    try:
        yield wait
    finally:
        holder.rollback()


def kernel_of(going: Going) -> int:
    """The process id of the kernel that a command has started."""
    return _kernels(going)[0]


def has_kernel(going: Going) -> bool:
    """Whether a command has started a kernel yet."""
    return bool(_kernels(going))


def _kernels(going: Going) -> list[int]:
    import psutil

    found = []
    for child in psutil.Process(going.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "ipykernel_launcher" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found
