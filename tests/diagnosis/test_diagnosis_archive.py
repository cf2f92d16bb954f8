"""Troubleshoot on what was before: edited files, uncommitted ones, runs that were cut short."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import runs
from diagnosing import Patient, patients
from runs import VALUES
from servers import Database

from lexikon_runbook.diagnosis.diagnoses import diagnose
from lexikon_runbook.diagnosis.reading import look
from lexikon_runbook.diagnosis.row import Diagnosed
from lexikon_runbook.project import database as databases
from lexikon_runbook.record import record
from lexikon_runbook.runbooks.change import Changing
from lexikon_runbook.targets import settings

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


def test_an_applied_revision_that_was_edited_is_brought_back(
    lexikon: Callable[..., Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the checksum in the record of the run that applied it, and git's history of the file."""
    project = runs.make(tmp_path, lexikon())
    monkeypatch.setenv("STAGING_URL", project.url)
    target = settings.target("staging", project.folder)
    run = Changing("deploy", VALUES, target)
    plan = run.plan("head")
    run.apply(run.approve(plan, plan.digest))
    run.finish()

    def git(words: str) -> str:
        who = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
        command = [*who, *words.split(" ")]
        ended = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    def found() -> Diagnosed:
        return diagnose(look(databases.look(target)))

    git("init -q")
    git("add -A .")
    git("commit -qm applied")
    commit = git("rev-parse --short HEAD")
    file = next(project.folder.glob("alembic/versions/f36a73221bb3*"))
    file.write_text(file.read_text() + "\n# a later thought\n")
    git("commit -qam edited")
    (trouble,) = [t for t in found().found if t.diagnosis.id == "edited-applied"]
    path = f"alembic/versions/{file.name}"
    assert trouble.evidence.startswith(f"{path} is not the file that was applied on ")
    assert trouble.remedy.shell == (
        f"git diff {commit} -- {path} > {path}.patch",
        f"git checkout {commit} -- {path}",
    )
    git(trouble.remedy.shell[-1].removeprefix("git "))
    assert "edited-applied" in [row.id for row in found().ruled_out]


def test_a_revision_that_is_not_committed_is_a_note(patient: Maker) -> None:
    """With the command that commits it; a committed checkout is fine."""
    made = patient("two_heads", at="aa04")
    assert "git says" in next(
        each.why
        for each in made.diagnosed().unchecked
        if each.diagnosis.id == "uncommitted-revision"
    )
    made.commit()
    assert made.healthy("uncommitted-revision")
    text = (made.folder / "versions" / "bb05_add_colour.py").read_text()
    new = text.replace('"bb05"', '"bb06"').replace('"aa04"', '"bb05"').replace("colour", "size")
    (made.folder / "versions" / "new one.py").write_text(new)
    trouble = made.trouble("uncommitted-revision")
    assert trouble.severity == "note"
    assert "'versions/new one.py'" in trouble.remedy.shell[0]
    made.shell("git config user.name test; git config user.email test@example.org")
    made.mend(trouble)
    assert made.healthy("uncommitted-revision")


def test_a_deploy_that_was_cut_short_is_told(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its record, whose process is gone; not a troubleshoot."""
    made = patient("sound", at="aa03")
    target = made.project.target
    for runbook in ("deploy", "troubleshoot"):
        begun = record.begin(target, runbook, {})
        begun.set(who={**begun.facts["who"], "pid": 4194304}, doing="apply: upgrade aa04")
    trouble = made.trouble("run-cut-short")
    assert "a deploy begun " in trouble.evidence
    assert "was cut short during apply: upgrade aa04" in trouble.evidence
    assert trouble.remedy.shell == ("lexikon-runbook status --target test",)
