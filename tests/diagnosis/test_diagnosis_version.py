"""Troubleshoot on version tables: missing, elsewhere, several rows, rows of another checkout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from diagnosing import Patient, patients
from projects import URL
from servers import PROJECT, Database

from lexikon_runbook.diagnosis import reading
from lexikon_runbook.diagnosis.diagnoses import diagnose
from lexikon_runbook.diagnosis.proofs import Match
from lexikon_runbook.diagnosis.reading.proving import prove
from lexikon_runbook.project import database as databases
from lexikon_runbook.targets.settings import Target

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


def test_a_missing_version_table_is_stamped_only_with_a_proof(patient: Maker) -> None:
    """Before the proof there is no command; with it the exact one, and it is true."""
    made = patient("sound", at="aa03")
    made.database.execute("drop table alembic_version")
    trouble = made.trouble("version-table-missing")
    assert trouble.evidence == "there is no alembic_version, and there are 1 tables"
    assert "don't stamp before: run.prove() has not been run" in trouble.remedy.words
    assert trouble.remedy.shell == ()
    trouble = made.trouble("version-table-missing", proved=True)
    assert "5 states of the migrations were built on PostgreSQL" in trouble.evidence
    assert trouble.evidence.endswith("the catalog is exactly that of aa03")
    assert trouble.remedy.shell == ("alembic stamp --purge aa03",)
    assert made.project.current() == ""
    made.mend(trouble)
    assert made.project.current() == "aa03"
    assert made.healthy("version-table-missing", proved=True)
    made.project.deploy()


def test_a_stamp_is_printed_for_the_database_that_was_looked_at(patient: Maker) -> None:
    """env.py reads a variable of its own: the command gives it this target's URL."""
    made = patient("url_from_myapp_dsn", at="aa03", env_py_variable="MYAPP_DSN")
    made.database.execute("drop table alembic_version")
    trouble = made.trouble("version-table-missing", proved=True)
    assert trouble.remedy.shell == (f'MYAPP_DSN="${URL}" alembic stamp --purge aa03',)
    assert f"database {made.database.name} on local socket" in trouble.remedy.words
    made.mend(trouble)
    assert made.project.current() == "aa03"


def test_a_version_table_of_a_name_in_capitals_is_mended_by_that_name(patient: Maker) -> None:
    """Quoted where SQL needs it."""
    made = patient("sound", at="aa04")
    env = made.folder / "env.py"
    text = env.read_text()
    env.write_text(text.replace("=connection,", '=connection, version_table="Versions",'))
    made.database.execute('alter table alembic_version rename to "Versions"')
    made.database.execute('insert into "Versions" values (%s)', "aa02")
    trouble = made.trouble("several-version-rows")
    assert trouble.remedy.sql == ("DELETE FROM \"Versions\" WHERE version_num = 'aa02'",)
    made.mend(trouble)
    assert made.healthy("several-version-rows")


def test_a_catalog_of_no_revision_shows_the_nearest_and_no_stamp(patient: Maker) -> None:
    """Each difference is a line; a stamp would not be true."""
    made = patient("sound", at="aa03")
    made.database.execute("drop table alembic_version; alter table notes add column by_hand int")
    trouble = made.trouble("version-table-missing", proved=True)
    assert "none is this catalog. The nearest is aa03; against it:" in trouble.evidence
    assert "+ column public.notes.by_hand: integer" in trouble.evidence
    assert "stamp" not in " ".join(trouble.remedy.shell)


def test_a_revision_that_only_changes_rows_is_said_to_look_the_same(patient: Maker) -> None:
    """Two revisions with one catalog are both named."""
    made = patient("pending_fails", at="aa04")
    file = made.folder / "versions" / "ab05_index_title.py"
    text = file.read_text()
    text = text.replace('op.create_index("ix_notes_title", "notes", ["title"])', "pass")
    file.write_text(text.replace('op.drop_index("ix_notes_title", "notes")', "pass"))
    made.database.execute("drop table alembic_version")
    trouble = made.trouble("version-table-missing", proved=True)
    assert "exactly that of ab05 (and of aa04, which differ from it in no object)" in (
        trouble.evidence
    )


def test_lexikon_without_its_version_table_is_recognised(
    lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its rows in it, at the revision before the newest."""
    made = lexikon(data=True)
    made.execute("drop table alembic_version")
    monkeypatch.setenv(URL, made.url)
    target = Target(
        "here", PROJECT, url_env=URL, throwaway_url_env=URL, archive=tmp_path / "archive"
    )
    found = databases.look(target)
    seen = prove(found, reading.look(found))
    assert isinstance(seen.match, Match)
    assert seen.match.exact == ("b9d0965451a3",)
    first = diagnose(seen, proved=True).found[0]
    assert first.diagnosis.id == "version-table-missing"
    assert first.remedy.shell == ("alembic stamp --purge b9d0965451a3",)


def test_an_empty_database_has_no_trouble(patient: Maker) -> None:
    """No version table and no table: a deploy begins at the base."""
    made = patient("sound")
    found = made.diagnosed(proved=True)
    assert found.found == ()
    assert [each.diagnosis.id for each in found.unchecked] == ["uncommitted-revision"]


def test_a_version_row_without_a_table_is_taken_away(patient: Maker) -> None:
    """And the deploy that follows makes everything."""
    made = patient("sound")
    made.alembic("stamp aa02")
    trouble = made.trouble("stamped-empty")
    assert trouble.evidence == "alembic_version says aa02, and there is no table"
    made.mend(trouble)
    assert made.healthy("stamped-empty")
    made.project.deploy()
    assert made.project.current() == "aa04"


def test_a_version_table_in_another_schema_is_found(patient: Maker) -> None:
    """The edit of env.py names table and schema, and nothing is pending any more."""
    made = patient("version_table_elsewhere")
    made.database.execute("create schema keep")
    made.alembic("upgrade head")
    env = made.folder / "env.py"
    text = env.read_text().replace('version_table="migrated",', "")
    env.write_text(text.replace('version_table_schema="keep",', ""))
    trouble = made.trouble("version-table-elsewhere")
    assert trouble.evidence == (
        "env.py looks for alembic_version, which is not there; keep.migrated holds aa04, which "
        "this checkout has"
    )
    made.mend(trouble)
    assert made.healthy("version-table-elsewhere")
    seen = made.seen()
    assert seen.pending.ids == ()  # type: ignore[union-attr]


def test_names_that_env_py_has_already_are_changed_where_they_stand(patient: Maker) -> None:
    """A keyword that is given twice would be a syntax error."""
    made = patient("version_table_elsewhere")
    made.database.execute("create schema keep")
    made.alembic("upgrade head")
    env = made.folder / "env.py"
    text = env.read_text().replace('"migrated"', '"moved"').replace('"keep"', '"public"')
    env.write_text(text)
    trouble = made.trouble("version-table-elsewhere")
    assert len(trouble.remedy.edits) == 2
    made.mend(trouble)
    assert env.read_text().count("version_table") == text.count("version_table")
    assert "aa04" in made.alembic("current")
    assert made.healthy("version-table-elsewhere")


def test_two_version_tables_on_one_name_are_told_apart(patient: Maker) -> None:
    """Which of them counts depends on a search_path, until env.py names the schema."""
    made = patient("sound", at="aa04")
    made.database.execute(
        "create schema old; create table old.alembic_version as select 'aa02' as version_num"
    )
    trouble = made.trouble("version-table-twice")
    assert trouble.evidence.startswith("old.alembic_version holds aa02; alembic_version, which")
    made.edit(trouble.remedy)
    assert 'version_table_schema="public"' in (made.folder / "env.py").read_text()
    assert made.healthy("version-table-missing")
    assert "aa04" in made.alembic("current")


def test_a_row_that_another_implies_is_deleted(patient: Maker) -> None:
    """The SQL names the rows; the one that is left is right."""
    made = patient("sound", at="aa04")
    made.database.execute("insert into alembic_version values ('aa02')")
    trouble = made.trouble("several-version-rows")
    assert trouble.evidence.endswith("holds aa02, aa04; aa02 came before another of them")
    made.mend(trouble)
    assert made.project.current() == "aa04"
    assert made.healthy("several-version-rows")


def test_rows_of_two_branches_are_as_they_should_be(patient: Maker) -> None:
    """Side by side, they are a warning where one head was asked for, and none for `heads`."""
    made = patient("two_heads", at="aa04")
    made.alembic("upgrade heads")
    assert made.healthy("several-version-rows")
    trouble = made.trouble("several-heads")
    assert trouble.severity == "warning"
    assert 'revision="heads"' in trouble.remedy.words
    assert made.healthy("several-heads", revision="heads")
    seen = made.seen("heads", proved=True)
    assert seen.pending.ids == ()  # type: ignore[union-attr]
    assert seen.match.exact == ("ba06, bb05",)  # type: ignore[union-attr]


def test_rows_of_two_branches_are_joined_by_their_merge(patient: Maker) -> None:
    """It is pending like any other revision."""
    made = patient("two_heads", at="aa04")
    made.alembic("upgrade heads")
    made.alembic('merge --rev-id cc07 -m "Merge heads" ba06 bb05')
    assert made.seen().pending.ids == ("cc07",)  # type: ignore[union-attr]
    assert made.healthy("several-version-rows")
    assert made.healthy("pending-fails", proved=True)


def test_a_revision_that_git_has_is_named_with_its_commit(patient: Maker) -> None:
    """The code is older than the database; checking the commit out mends it."""
    made = patient("two_heads", at="aa04")
    made.alembic("upgrade bb05")
    commit = made.commit()
    (made.folder / "versions" / "bb05_add_colour.py").unlink()
    made.commit()
    trouble = made.trouble("revision-unknown")
    assert trouble.evidence == (
        "the database is at bb05, and no revision file has it: the code is older. "
        f"Commit {commit} has it, in versions/bb05_add_colour.py"
    )
    assert trouble.remedy.shell == (f"git checkout {commit}",)
    made.mend(trouble)
    assert made.healthy("revision-unknown")


def test_a_revision_that_nobody_has_is_looked_for(patient: Maker) -> None:
    """Without git there is the command for where it is; what was not read is said."""
    made = patient("sound", at="aa04")
    made.database.execute("update alembic_version set version_num = 'dead00000000'")
    found = made.diagnosed(proved=True)
    trouble = found.found[0]
    assert trouble.diagnosis.id == "revision-unknown"
    assert trouble.remedy.shell == ("git log --all --oneline -Sdead00000000",)
    assert "already-exists" in {each.diagnosis.id for each in found.unchecked}
    other = next(t for t in found.found if t.diagnosis.id == "matches-another-revision")
    assert other.remedy.shell == ("alembic stamp --purge aa04",)
