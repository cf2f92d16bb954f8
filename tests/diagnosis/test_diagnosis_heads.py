"""Troubleshoot on several heads: what each branch touches, and both ways to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from diagnosing import Patient, patients
from servers import Database

from lexikon_runbook.diagnosis.diagnoses import diagnose
from lexikon_runbook.diagnosis.reading import listing
from lexikon_runbook.diagnosis.situation import Situation
from lexikon_runbook.runbooks.troubleshoot import Heads

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


def test_branches_that_do_not_touch_are_merged_by_the_command(patient: Maker) -> None:
    """Both are shown with what they change, as each did on a throwaway database."""
    made = patient("two_heads", at="aa04")
    trouble = made.trouble("several-heads")
    assert trouble.evidence.startswith(
        "2 heads after aa04: ba06 (Index authors; versions/ba06_index_authors.py; 2 of its own); "
        "bb05 (Add colour; versions/bb05_add_colour.py; 1 of its own). Whether they touch the same"
    )
    seen: Situation = made.seen(proved=True)
    shown = str(Heads(seen))
    assert "They touch no table in common, and run one after the other" in shown
    assert "ba05, ba06" in shown
    assert "table public.authors" in shown
    assert "table public.notes" in shown
    made.shell(trouble.remedy.shell[0].replace("merge ", "merge --rev-id cc07 ", 1))
    assert made.healthy("several-heads")
    made.project.deploy()
    assert made.project.current() == "cc07"


def test_a_branch_is_put_behind_the_other_by_one_line(patient: Maker) -> None:
    """The edit is at the first revision of a branch that this database does not have."""
    made = patient("two_heads", at="aa04")
    (edit,) = made.trouble("several-heads").remedy.edits
    assert str(edit) == 'versions/bb05_add_colour.py:6 becomes\ndown_revision = "ba06"'
    made.alembic("upgrade bb05")
    trouble = made.trouble("several-heads")
    (edit,) = trouble.remedy.edits
    assert str(edit) == 'versions/ba05_create_authors.py:6 becomes\ndown_revision = "bb05"'
    made.edit(trouble.remedy)
    assert made.healthy("several-heads")
    made.project.deploy()
    assert made.project.current() == "ba06"


def test_branches_that_contradict_each_other_are_not_just_merged(patient: Maker) -> None:
    """Both add the same column: the object is named, and that one after the other fails."""
    made = patient("two_heads_of_one_column", at="aa04")
    seen = made.seen(proved=True, error="Multiple head revisions are present")
    trouble = diagnose(seen, proved=True).found[0]
    assert trouble.diagnosis.id == "several-heads"
    assert trouble.explains
    assert "Run one after the other on a throwaway database, they fail:" in trouble.evidence
    assert 'column "colour" of relation "notes" already exists (42701)' in trouble.evidence
    assert trouble.remedy.words.startswith("they contradict each other")
    assert seen.overlap.objects == ("column public.notes.colour",)  # type: ignore[union-attr]


def test_branches_with_labels_are_meant_to_stay_apart(patient: Maker) -> None:
    """On an empty database, too: a warning that says how each is deployed, and no merge."""
    trouble = patient("labelled_branches").trouble("several-heads")
    assert trouble.severity == "warning"
    assert trouble.remedy.words.startswith("branches with labels stay apart: deploy with revision")
    assert trouble.remedy.shell[0].endswith("upgrade heads")
    assert trouble.remedy.edits == ()


def test_a_revision_that_is_not_there_names_the_nearest(patient: Maker) -> None:
    """As the deploy would refuse it; an ordinary one is fine."""
    made = patient("sound", at="aa03")
    trouble = made.trouble("revision-not-reachable", revision="aa0x")
    assert "did you mean aa0" in trouble.evidence
    assert made.trouble("revision-not-reachable", revision="aa01").remedy.words
    assert made.healthy("revision-not-reachable", revision="aa04")


def test_a_branch_is_compared_without_what_others_did() -> None:
    """Built in one line, each state is what its own revisions made, also of one table."""
    order = ("base", "left", "right", "left2")
    built: list[listing.Listing] = [
        {"r notes": "r", "a notes.id": "int"},
        {"r notes": "r", "a notes.id": "int", "a notes.left": "text"},
        {"r notes": "r", "a notes.id": "bigint", "a notes.left": "text"},
        {"r notes": "r", "a notes.id": "bigint"},
    ]
    behind = {"base": [], "left": ["base"], "right": ["base"], "left2": ["base", "left"]}
    states = listing.predicted(order, built, behind)
    assert states["right"] == {"r notes": "r", "a notes.id": "bigint"}
    assert states["left2"] == {"r notes": "r", "a notes.id": "int"}
    assert listing.distance(states["left"], states["left2"]) == 1


def test_a_database_on_one_branch_only_is_recognised(patient: Maker) -> None:
    """Either of them, whichever comes first in the order of the revisions."""
    made = patient("two_heads", at="aa04")
    for revision in ("bb05", "ba06"):
        made.alembic(f"upgrade {revision}")
        made.database.execute("drop table alembic_version")
        seen = made.seen(proved=True)
        assert seen.match.exact == (revision,)  # type: ignore[union-attr]
        made.alembic("stamp --purge aa04")
        made.database.execute(
            "drop table if exists authors; alter table notes drop column if exists colour"
        )
