"""Troubleshoot on what would run: what exists already, and what a throwaway database shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from diagnosing import Patient, patients
from servers import Database

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


def test_a_type_that_a_downgrade_left_is_dropped(patient: Maker) -> None:
    """At a glance when a pending revision creates it, and by the proof in any case."""
    made = patient("leaves_a_type", at="aa04")
    made.alembic("upgrade ab05")
    made.alembic("downgrade aa04")
    trouble = made.trouble("already-exists", error="psycopg2.errors.DuplicateObject")
    assert trouble.explains
    assert trouble.evidence == (
        "versions/ab05_add_mood.py creates type mood, which exists, and no column uses it"
    )
    assert trouble.remedy.sql == ("DROP TYPE mood",)
    proved = made.trouble("type-remains", proved=True)
    assert proved.remedy.sql == ("DROP TYPE public.mood",)
    made.mend(proved)
    assert made.healthy("already-exists")
    assert made.healthy("type-remains", proved=True)
    made.project.deploy()


def test_a_downgrade_that_leaves_a_type_is_named_before_it_is_run(patient: Maker) -> None:
    """Up and down on a throwaway database; the line that undoes it stands in the remedy."""
    made = patient("leaves_a_type", at="aa04")
    trouble = made.trouble("downgrade-not-inverse", proved=True)
    assert "+ enum public.mood: 'good', 'bad'" in trouble.evidence
    line = 'op.execute("DROP TYPE public.mood")'
    assert trouble.remedy.words.endswith(line)
    file = made.folder / "versions" / "ab05_add_mood.py"
    file.write_text(file.read_text().rstrip() + f"\n    {line}\n")
    assert made.healthy("downgrade-not-inverse", proved=True)


def test_a_downgrade_that_raises_is_named(patient: Maker) -> None:
    """A rollback would stop there."""
    made = patient("no_way_back", at="aa04")
    trouble = made.trouble("downgrade-not-inverse", proved=True)
    assert "NotImplementedError: restore a backup" in trouble.evidence
    assert "downgrade() of ab05" in trouble.remedy.words


def test_a_pending_revision_that_fails_shows_its_first_failing_statement(patient: Maker) -> None:
    """And the comparison with what is applied is made all the same."""
    made = patient("pending_fails", at="aa04")
    found = made.diagnosed(proved=True)
    trouble = found.found[0]
    assert trouble.diagnosis.id == "pending-fails"
    assert trouble.evidence.startswith("ab05 fails on a throwaway database too: ")
    assert 'column "title" does not exist (42703)' in trouble.evidence
    assert trouble.remedy.words.startswith("mend versions/ab05_index_title.py")
    assert made.healthy("schema-drift", proved=True)
    assert "models-ahead" in {each.diagnosis.id for each in found.unchecked}


def test_a_table_that_exists_already_leads_to_the_revision_that_is_there(patient: Maker) -> None:
    """Somebody stamped too early a revision: the proof names the true one."""
    made = patient("sound", at="aa04")
    made.database.execute("update alembic_version set version_num = 'aa03'")
    trouble = made.trouble("already-exists")
    assert trouble.evidence == (
        "../plain/versions/aa04_create_tags.py creates table tags: there already"
    )
    assert "inspect_schema -p target=test" in trouble.remedy.shell[0]
    proved = made.trouble("already-exists", proved=True)
    assert proved.remedy.shell == ("alembic stamp --purge aa04",)
    made.mend(proved)
    out = {row.id for row in made.diagnosed(proved=True).ruled_out}
    assert {"already-exists", "matches-another-revision"} <= out


def test_a_stamp_that_was_not_true_is_named_with_the_true_one(patient: Maker) -> None:
    """As the manual guide's `stamp head` leaves it: what is missing would never be run."""
    made = patient("sound", at="aa02")
    made.alembic("stamp head")
    assert made.project.current() == "aa04"
    trouble = made.trouble("matches-another-revision", proved=True)
    assert trouble.evidence.startswith("alembic_version says aa04. 5 states")
    assert "exactly that of aa02" in trouble.evidence
    made.mend(trouble)
    assert made.project.current() == "aa02"
    made.project.deploy()
    assert made.healthy("matches-another-revision", proved=True)


def test_an_object_made_by_hand_is_drift(patient: Maker) -> None:
    """Each change is a line; one of another kind than tables too."""
    made = patient("sound", at="aa03")
    made.database.execute("create view v as select id from notes; drop index ix_notes_author")
    trouble = made.trouble("schema-drift", proved=True)
    assert "+ view public.v" in trouble.evidence
    assert "- index public.ix_notes_author" in trouble.evidence
    assert "inspect_schema -p target=test" in trouble.remedy.shell[0]


def test_models_that_are_ahead_are_a_note(patient: Maker) -> None:
    """What no revision adds is named."""
    made = patient("models_ahead", at="aa03")
    trouble = made.trouble("models-ahead", proved=True)
    assert trouble.severity == "note"
    assert "the database lacks column notes.title" in trouble.evidence
    assert trouble.diagnosis.runbook == "create_migration"


def test_what_only_the_throwaway_server_lacks_is_not_known(patient: Maker) -> None:
    """An extension that is not there says nothing of the target's server."""
    made = patient("pending_fails", at="aa04")
    file = made.folder / "versions" / "ab05_index_title.py"
    text = file.read_text()
    create = 'op.create_index("ix_notes_title", "notes", ["title"])'
    file.write_text(text.replace(create, 'op.execute("CREATE EXTENSION no_such_extension")'))
    found = made.diagnosed(proved=True)
    assert found.found == ()
    why = {each.diagnosis.id: each.why for each in found.unchecked}
    assert "no_such_extension" in why["pending-fails"]
    assert "no_such_extension" in why["downgrade-not-inverse"]


def test_a_comparison_that_could_not_be_finished_is_not_known(patient: Maker) -> None:
    """A revision that is applied, and can't be built: the catalog may be that of a later one."""
    made = patient("pending_fails", at="aa04")
    made.database.execute("alter table notes add column title text")
    made.database.execute("create index ix_notes_title on notes (title)")
    made.alembic("stamp ab05")
    found = made.diagnosed(proved=True)
    assert found.found == ()
    why = {each.diagnosis.id: each.why for each in found.unchecked}
    assert 'column "title" does not exist (42703)' in why["matches-another-revision"]
    assert {"schema-drift", "type-remains", "pending-fails"} <= why.keys()


def test_a_name_that_an_earlier_statement_frees_is_no_trouble(patient: Maker) -> None:
    """Renamed or dropped before it is created anew."""
    made = patient("pending_fails", at="aa04")
    file = made.folder / "versions" / "ab05_index_title.py"
    text = file.read_text()
    anew = 'op.rename_table("notes", "old_notes")\n    op.execute("CREATE TABLE notes (id int)")'
    file.write_text(text.replace('op.create_index("ix_notes_title", "notes", ["title"])', anew))
    assert made.healthy("already-exists")
    file.write_text(file.read_text().replace('op.rename_table("notes", "old_notes")', "pass"))
    assert made.trouble("already-exists").evidence.endswith("creates table notes: there already")
