"""One kind of Alembic project: deployed by the runbooks here, by plain Alembic beside it.

Both have a copy of tests/histories and a database of their own. Plain Alembic's outcome is
the measure: what a move leaves, schema and version rows, must be the same in both.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import BINARIES, Database

import lexikon_runbook
from lexikon_runbook.errors import ApprovalNeeded
from lexikon_runbook.runbooks import without_kernel

TARGET = "here"
URL = "TEST_TARGET_URL"
THROWAWAY = "TEST_THROWAWAY_URL"
BIN = Path(sys.executable).parent
LIMIT_S = 120.0
APPROVE = re.compile(r"-p approve=(\S+)")
INI_URL = re.compile(r"^sqlalchemy\.url *=.*$", re.M)
VERSION_TABLES = """
select format('%I.%I', table_schema, table_name) from information_schema.columns
where column_name = 'version_num' order by 1
"""


@dataclass(frozen=True)
class Kind:
    """A project with its target, and its twin for plain Alembic."""

    folder: Path
    twin_folder: Path
    database: Database
    twin: Database
    words: tuple[str, ...]

    def plan(self, revision: str = "heads") -> Any:
        """What a move would run. Reads only."""
        return without_kernel.plan(TARGET, self.folder, revision, "")

    def deploy(self, revision: str = "heads", **given: Any) -> Any:
        """Run the way up, approved where its plan asks for that; the record."""
        return self._approved(lexikon_runbook.deploy, revision, given)

    def rollback(self, revision: str) -> Any:
        """Run the way down, approved where its plan asks for that; the record."""
        return self._approved(lexikon_runbook.rollback, revision, {})

    def _approved(self, run_: Callable[..., Any], revision: str, given: dict[str, Any]) -> Any:
        """Run it; once more with the digest that its refusal names, as a person would."""
        try:
            return run_(TARGET, revision, project=self.folder, **given)
        except ApprovalNeeded as stop:
            digest = APPROVE.search(stop.next_step)
            if "approve" in given or digest is None:
                raise
            given = {**given, "approve": digest[1]}
            return run_(TARGET, revision, project=self.folder, **given)

    def move(self, way: str, revision: str) -> None:
        """Go the same way in both databases, and find both in the same state."""
        {"upgrade": self.deploy, "downgrade": self.rollback}[way](revision)
        self.plain(way, revision)
        assert versions(self.database) == versions(self.twin)
        assert schema(self.database) == schema(self.twin)

    def follow(self, moves: str) -> None:
        """Make one move a line, `upgrade heads: REVISION ...`, up to the rows that it names."""
        for line in moves.strip().splitlines():
            move, _, rows = line.strip().rpartition(":")
            self.move(*move.split())
            assert self.at() == rows.strip(), line

    def plain(self, way: str, revision: str) -> None:
        """Run Alembic's own command on the twin; a failure is a failure of the test."""
        ended = self.plainly(way, revision)
        assert ended.returncode == 0, ended.stderr

    def plainly(self, way: str, revision: str) -> subprocess.CompletedProcess[str]:
        """Run Alembic's own command on the twin."""
        urls = dict.fromkeys(("DATABASE_URL", "MYAPP_DSN"), self.twin.url)
        return run([*self.words, way, "--", revision], self.twin_folder, urls)  # it may be -1

    def cli(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `lexikon-runbook` in the project, as a user does."""
        words = [sys.executable, "-m", "lexikon_runbook", *command]
        return run(words, self.folder, environment)

    def runbook(self, name: str, **parameters: str) -> subprocess.CompletedProcess[str]:
        """Run one of the runbooks from the command line."""
        given = [word for pair in parameters.items() for word in ("-p", "=".join(pair))]
        return self.cli("run", name, "-p", f"target={TARGET}", *given)

    def at(self) -> str:
        """The version rows of the database, whatever their tables are called."""
        return " ".join(row for rows in versions(self.database).values() for row in rows)


def run(
    words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with these variables besides this process's."""
    return subprocess.run(
        words,
        cwd=folder,
        # PYTEST_CURRENT_TEST would change how ipykernel treats its standard error.
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {**environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def versions(database: Database) -> dict[str, list[str]]:
    """The rows of each version table, whatever it is called and wherever it is."""
    tables = [row[0] for row in database.rows(VERSION_TABLES)]
    return {t: [r[0] for r in database.rows(f"select * from {t} order by 1")] for t in tables}


def schema(database: Database) -> str:
    """`pg_dump -s` without what the runbooks keep for themselves."""
    arguments = [str(BINARIES / "pg_dump"), "-s", "-N", "lexikon_*", f"--dbname={database.url}"]
    text = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    return "".join(line for line in text.splitlines(True) if "restrict " not in line)


def words(keys: Mapping[str, Any]) -> tuple[str, ...]:
    """The command of plain Alembic that says what these keys of a target say."""
    if app := keys.get("flask"):
        return (str(BIN / "flask"), "--app", str(app), "db")
    given = [word for value in keys.get("x", []) for word in ("-x", str(value))]
    if section := keys.get("alembic_section"):
        given += ["--name", str(section)]
    return (str(BIN / "alembic"), *given)


def write_url(folder: Path, url: str) -> None:
    """Write the URL into every ini below, as a user of plain Alembic does."""
    line = f"sqlalchemy.url = {url.replace('%', '%%')}"
    for ini in folder.rglob("alembic.ini"):
        ini.write_text(INI_URL.sub(lambda _: line, ini.read_text()))


def toml(keys: Mapping[str, Any]) -> str:
    """A runbook.toml with one target."""
    lines = [f"{key} = {_value(value)}" for key, value in keys.items()]
    return "\n".join(['archive = "archive"', f"[targets.{TARGET}]", *lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
