"""A refusal's card: the entry that tells more of it, and the exact edit of its diagnosis."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from diagnosing import Patient, patients
from servers import PROJECT, Database

from lexikon_runbook import errors
from lexikon_runbook.diagnosis.diagnoses import DIAGNOSES
from lexikon_runbook.diagnosis.findings_page import entries
from lexikon_runbook.diagnosis.refusals import REFUSALS
from lexikon_runbook.errors import HistoryError, RunbookError
from lexikon_runbook.plan.rules import RULES
from lexikon_runbook.runbooks import without_kernel

Maker = Callable[..., Patient]
NAMED = re.compile(r'finding="([a-z-]+)"|^\s+"([a-z]+(?:-[a-z]+)+)",?\n\s+\)', re.M)


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


def test_every_type_of_refusal_has_its_entry_and_no_name_is_used_twice() -> None:
    """So that `explain` knows whatever a card names."""
    types = {each for each in vars(errors).values() if isinstance(each, type)}
    assert {row.error for row in REFUSALS} == {t for t in types if issubclass(t, RunbookError)}
    names = [row.id for row in (*RULES, *DIAGNOSES, *REFUSALS)]
    assert sorted(names) == sorted(entries())


def test_what_refusals_name_are_entries() -> None:
    """Each `finding` in the source is one that can be explained."""
    source = PROJECT / "lexikon_runbook"
    named = {
        one or other
        for room in ("apply", "postgres", "project", "targets")
        for file in (source / room).rglob("*.py")
        for one, other in NAMED.findall(file.read_text())
    }
    assert {"duplicate-revision", "pooler", "unreachable"} <= named
    assert named <= entries().keys()


def test_a_plan_that_is_refused_shows_the_edit_that_troubleshoot_shows(patient: Maker) -> None:
    """The line of the file and what to write there, not "give one of them a new id"."""
    made = patient("duplicate_revision", at="aa03")
    trouble = made.trouble("duplicate-revision")
    with pytest.raises(HistoryError) as stop:
        without_kernel.plan(made.project.target, None, "head", "")
    assert stop.value.next_step == str(trouble.remedy)
    assert "More: lexikon-runbook explain duplicate-revision" in str(stop.value)
    assert "lexikon-runbook explain duplicate-revision" in stop.value._repr_html_()
    made.mend(trouble)
    without_kernel.plan(made.project.target, None, "head", "")


def test_a_refusal_without_a_diagnosis_keeps_its_words(patient: Maker) -> None:
    """And names the entry of its type."""
    made = patient("duplicate_revision", at="aa03")
    made.mend(made.trouble("duplicate-revision"))
    with pytest.raises(RunbookError) as stop:
        without_kernel.plan(made.project.target, None, "no_such", "")
    assert stop.value.finding == "unknown-revision"
    assert "alembic history" in stop.value.next_step
