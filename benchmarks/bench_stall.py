"""How long an application waits while a migration alters a table that a report holds.

In one run and on one server: an application reads `terms` all the time, a reporting
session holds it for 20 seconds, and `terms` gets a column; first by the runbook, then by
plain `alembic upgrade head`. Prints the application's longest wait for each, the ratio,
and the application's errors.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from lexikon_runbook.demo import server
from lexikon_runbook.postgres.connections import connect_url, rows

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
HOLD_S = 20.0
LOCK_TIMEOUT_S = 2.0
ALLOWED_S = LOCK_TIMEOUT_S + 0.3
REVISION = '''"""Add a note to terms."""

from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "f36a73221bb3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE terms ADD COLUMN note text")


def downgrade() -> None:
    op.execute("ALTER TABLE terms DROP COLUMN note")
'''


class Application(threading.Thread):
    """Reads `terms` without a pause, as a web application under load does."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.done = url, threading.Event()
        self.longest_s, self.reads, self.errors = 0.0, 0, 0

    def run(self) -> None:
        with closing(connect_url(self.url)) as connection:
            while not self.done.is_set():
                began = time.monotonic()
                try:
                    rows(connection, "select count(*) from terms where name like 'a%'")
                except Exception:
                    self.errors += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.reads += 1


class Report(threading.Thread):
    """Holds `terms` in one transaction for HOLD_S seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.holding = url, threading.Event()

    def run(self) -> None:
        with closing(connect_url(self.url)) as connection:
            rows(connection, "begin")
            rows(connection, "select count(*) from terms")
            self.holding.set()
            rows(connection, "select pg_sleep(%s)", (HOLD_S,))
            rows(connection, "commit")


def longest_wait(url: str, project: Path, *command: str) -> Application:
    """Run a migration command while the report holds the table and the application reads."""
    application, report = Application(url), Report(url)
    report.start()
    report.holding.wait()
    application.start()
    environment = {**os.environ, "DATABASE_URL": url}
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    report.join()
    application.done.set()
    application.join()
    if ended.returncode:
        raise SystemExit(f"{command[0]} failed:\n{ended.stdout}{ended.stderr}")
    return application


def copy_of_project(folder: Path) -> Path:
    """This project with one more revision, which alters `terms`."""
    folder.mkdir()
    for name in ("alembic.ini", "alembic", "runbooks"):
        source, destination = PROJECT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, destination)
    (folder / "alembic" / "versions" / "aaaaaaaaaaaa_note.py").write_text(REVISION)
    return folder


def main() -> None:
    """Measure both on the same server, and print one line a figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        project = copy_of_project(Path(name) / "project")
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{name}/demo"
        url = server.start(PROJECT)
        try:
            run = (str(BIN / "lexikon-runbook"), "run", "deploy", "-p", "target=default")
            wait = ("-p", f"lock_timeout_s={LOCK_TIMEOUT_S}")
            ours = longest_wait(url, project, *run, *wait)
            url = server.reset(PROJECT)
            plain = longest_wait(url, project, str(BIN / "alembic"), "upgrade", "head")
        finally:
            server.stop(PROJECT)
    for label, found in (("runbook", ours), ("plain alembic", plain)):
        print(
            f"{label}: longest application wait {found.longest_s:.2f} s, "
            f"{found.errors} errors in {found.reads} reads"
        )
    print(
        f"ratio {ours.longest_s / plain.longest_s:.2f}; allowed for the runbook {ALLOWED_S:.1f} s: "
        f"{'met' if ours.longest_s <= ALLOWED_S and not ours.errors else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
