"""A project of tests/histories looked at by troubleshoot, and its remedies carried out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import projects
import pytest
from projects import Project
from servers import Database

from lexikon_runbook.diagnosis import reading
from lexikon_runbook.diagnosis.diagnoses import diagnose
from lexikon_runbook.diagnosis.reading.proving import prove
from lexikon_runbook.diagnosis.row import Diagnosed, Remedy, Trouble
from lexikon_runbook.diagnosis.situation import Situation
from lexikon_runbook.project import database as databases

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Patient:
    """A project that has a trouble."""

    project: Project

    @property
    def database(self) -> Database:
        return self.project.database

    @property
    def folder(self) -> Path:
        return self.project.folder

    def seen(self, revision: str = "head", error: str = "", proved: bool = False) -> Situation:
        """What is read of it, with throwaway databases or without."""
        found = databases.look(self.project.target)
        seen = reading.look(found, revision, error)
        return prove(found, seen) if proved else seen

    def diagnosed(self, revision: str = "head", error: str = "", proved: bool = False) -> Diagnosed:
        """Every diagnosis of it."""
        return diagnose(self.seen(revision, error, proved), proved=proved)

    def trouble(self, id_: str, **how: Any) -> Trouble:
        """The one trouble of that id; a failure when it is not found, or twice."""
        found = self.diagnosed(**how)
        (trouble,) = [each for each in found.found if each.diagnosis.id == id_]
        return trouble

    def healthy(self, id_: str, **how: Any) -> bool:
        """Whether that diagnosis is ruled out; not when it is unknown."""
        return id_ in [row.id for row in self.diagnosed(**how).ruled_out]

    def mend(self, trouble: Trouble) -> None:
        """Carry out all that the remedy says: edits, SQL, commands."""
        remedy = trouble.remedy
        assert remedy.edits or remedy.sql or remedy.shell, f"nothing to carry out: {remedy}"
        self.edit(remedy)
        for sql in remedy.sql:
            self.database.execute(sql.replace("%", "%%"))
        for command in remedy.shell:
            self.shell(command)

    def edit(self, remedy: Remedy) -> None:
        """Write each line as the remedy says, the last of a file first."""
        for edit in sorted(remedy.edits, key=lambda each: -each.line):
            file = self.folder / edit.file
            lines = file.read_text().splitlines()
            lines[edit.line - 1] = edit.text
            file.write_text("\n".join(lines) + "\n")

    def shell(self, command: str) -> str:
        """Run a command in the project's folder, as its user would."""
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def alembic(self, command: str) -> str:
        """Run plain alembic on it."""
        return self.shell(f"alembic {command}")

    def commit(self) -> str:
        """Commit all its files; the commit's short name."""
        who = "-c user.name=test -c user.email=test@example.org"
        self.shell(f"git init -q 2>/dev/null; git add -A . && git {who} commit -qm 'A commit'")
        return self.shell("git rev-parse --short HEAD").strip()


@contextmanager
def patients(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A maker of patients: `patient("plain", at="aa03")`, deployed to the test's database."""
    with projects.projects(database, tmp_path, monkeypatch) as project:

        def patient(name: str, at: str = "", **fields: Any) -> Patient:
            given = {"throwaway_url_env": projects.URL, "archive": tmp_path / "archive", **fields}
            made = Patient(project(name, **given))
            ini = made.folder / "alembic.ini"
            written = ini.read_text()
            url = database.url.replace("postgresql:", "postgresql+psycopg2:").replace("%", "%%")
            line = f"sqlalchemy.url = {url}"
            ini.write_text(re.sub(r"(?m)^sqlalchemy.url *=.*$", lambda _: line, written))
            if at:
                deployed(made, at)
            return made

        yield patient


def deployed(patient: Patient, at: str) -> None:
    """Bring the database to a revision of plain's, past what is wrong with the patient."""
    plain = replace(
        patient.project.target, project=patient.folder.parent / "plain", throwaway_url_env=""
    )
    Project(plain, patient.database).deploy(at)
