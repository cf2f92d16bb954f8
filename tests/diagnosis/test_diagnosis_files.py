"""Troubleshoot on checkouts that are broken: each trouble found, with the edit that mends it."""

from __future__ import annotations

import py_compile
import shutil
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


def test_a_syntax_error_is_named_with_its_line_and_the_check(patient: Maker) -> None:
    """Also while the rest of the checkout, and the database, are looked at all the same."""
    made = patient("syntax_error", at="aa04")
    trouble = made.trouble("syntax-error")
    file = "versions/ab05_index_body.py"
    assert trouble.evidence == f"{file}:12: syntax error: '(' was never closed"
    assert trouble.remedy.shell == (f"python -m py_compile {file}",)
    text = (made.folder / file).read_text()
    (made.folder / file).write_text(text.replace('["body"]', '["body"])'))
    made.mend(trouble)
    found = made.diagnosed()
    assert [each.diagnosis.id for each in found.found] == []


def test_a_module_that_is_not_installed_is_named(patient: Maker) -> None:
    """With the file, the line and pip; not what is installed or comes with Python."""
    made = patient("missing_module", at="aa04")
    trouble = made.trouble("missing-module")
    file = "versions/ab05_vector.py"
    assert trouble.evidence.startswith(f"{file}:4 imports no_such_vector_package")
    assert trouble.remedy.shell == ("pip install no_such_vector_package",)
    assert made.healthy("checkout-unreadable")
    shutil.rmtree(made.folder / "versions")
    (made.folder / "versions").mkdir()
    assert made.healthy("missing-module")


def test_a_module_that_env_py_lacks_is_named(patient: Maker) -> None:
    """An application that is not on the path, mostly."""
    made = patient("imports_the_application", at="aa04")
    trouble = made.trouble("missing-module")
    assert trouble.evidence.startswith("env.py:3 imports no_such_application")
    assert made.healthy("env-py-fails")


def test_two_files_with_one_revision_are_told_apart(patient: Maker) -> None:
    """The later one gets an id and a place of its own, and both run."""
    made = patient("duplicate_revision", at="aa03")
    trouble = made.trouble("duplicate-revision")
    assert trouble.evidence == (
        "revision aa04 is in ../plain/versions/aa04_create_tags.py and in "
        "versions/aa04_create_authors.py"
    )
    assert made.healthy("checkout-unreadable")
    made.mend(trouble)
    assert made.healthy("duplicate-revision")
    assert made.seen().graph.heads == ("aa042",)  # type: ignore[union-attr]


def test_a_revision_whose_parent_is_missing_gets_the_nearest(patient: Maker) -> None:
    """The edit stands with its file and line."""
    made = patient("missing_parent", at="aa04")
    trouble = made.trouble("missing-parent")
    file = "versions/ab06_create_authors.py"
    assert trouble.evidence.startswith(f"{file}:6 follows aa0x4")
    (edit,) = trouble.remedy.edits
    assert str(edit) == f'{file}:6 becomes\ndown_revision = "aa04"'
    made.mend(trouble)
    assert made.healthy("missing-parent")
    made.project.deploy()
    assert made.project.current() == "ab06"


def test_a_parent_that_git_has_is_brought_back(patient: Maker) -> None:
    """The commit is named, and the command that takes its file."""
    made = patient("two_heads")
    made.commit()
    (made.folder / "versions" / "ba05_create_authors.py").unlink()
    commit = made.commit()
    trouble = made.trouble("missing-parent")
    (command,) = trouble.remedy.shell
    assert command.endswith(" -- versions/ba05_create_authors.py")
    assert command.split()[2] != commit
    made.mend(trouble)
    assert made.healthy("missing-parent")


def test_revisions_in_a_circle_are_cut_at_the_oldest(patient: Maker) -> None:
    """The circle is shown, and the edit makes the oldest the first."""
    made = patient("revision_cycle")
    trouble = made.trouble("revision-cycle")
    assert trouble.evidence.endswith("ac01 -> ac03 -> ac02 -> ac01")
    assert "created 2025-01-01" in trouble.remedy.words
    made.mend(trouble)
    assert made.healthy("revision-cycle")
    made.project.deploy()
    assert made.project.current() == "ac03"


def test_a_revision_id_that_does_not_fit_gets_room_in_the_version_table(patient: Maker) -> None:
    """The column's own width counts: widened, the same revision is no trouble, and runs."""
    made = patient("long_revision_id", at="aa04")
    trouble = made.trouble("revision-id-too-long")
    assert "has 36 characters, and version_num of alembic_version holds 32" in trouble.evidence
    assert trouble.remedy.sql == (
        "ALTER TABLE alembic_version ALTER COLUMN version_num TYPE varchar(255)",
    )
    made.mend(trouble)
    assert made.healthy("revision-id-too-long")
    assert made.healthy("pending-fails", proved=True)
    made.project.deploy()
    assert made.project.current() == "ab06"


def test_a_revision_that_widens_the_version_table_makes_room_for_those_after_it(
    patient: Maker,
) -> None:
    """It is pending itself, so the column is narrow still."""
    made = patient("long_revision_id", at="aa04")
    first = made.folder / "versions" / "ab05_authors.py"
    (made.folder / "versions" / "ab04_widen.py").write_text(
        'from alembic import op\nrevision = "ab04"\ndown_revision = "aa04"\n'
        "def upgrade(): op.execute("
        "'ALTER TABLE alembic_version ALTER COLUMN version_num TYPE varchar(64)')\n"
        "def downgrade(): pass\n"
    )
    first.write_text(first.read_text().replace('"aa04"', '"ab04"'))
    assert made.healthy("revision-id-too-long")
    assert made.healthy("pending-fails", proved=True)


def test_a_revision_id_without_a_version_table_is_shortened_everywhere(patient: Maker) -> None:
    """Here, and in the revision that follows it; env.py would make the table as Alembic does."""
    made = patient("long_revision_id")
    trouble = made.trouble("revision-id-too-long")
    assert [edit.text for edit in trouble.remedy.edits] == [
        'revision: str = "ab05_create_the_authors_of_all_n"',
        'down_revision: str | None = "ab05_create_the_authors_of_all_n"',
    ]
    made.mend(trouble)
    assert made.healthy("revision-id-too-long")
    made.project.deploy()
    assert made.project.current() == "ab06"


def test_a_pending_revision_that_swallows_errors_is_named(patient: Maker) -> None:
    """With the line; one that is applied already is no trouble any more."""
    made = patient("swallowed_error", at="aa01")
    trouble = made.trouble("error-swallowed")
    assert "versions/cc01_swallow.py:" in trouble.evidence
    assert "begin_nested" in trouble.remedy.words
    made.database.execute("update alembic_version set version_num = 'cc01'")
    assert made.healthy("error-swallowed")


def test_a_package_named_alembic_shadows_the_library(patient: Maker) -> None:
    """Deleting the file is all that is needed."""
    made = patient("shadows_the_library", at="aa04")
    trouble = made.trouble("library-shadowed")
    assert trouble.remedy.shell == ("rm alembic/__init__.py",)
    made.mend(trouble)
    assert made.healthy("library-shadowed")


def test_a_compiled_revision_without_a_source_is_named(patient: Maker) -> None:
    """Only where the ini says that compiled files count."""
    made = patient("sourceless", at="aa04")
    source = made.folder / "versions" / "ab05_nothing.py"
    py_compile.compile(str(source), doraise=True)
    assert made.healthy("sourceless-leftover")
    source.unlink()
    trouble = made.trouble("sourceless-leftover")
    assert "versions/__pycache__/ab05_nothing.cpython-" in trouble.evidence
    made.mend(trouble)
    assert made.healthy("sourceless-leftover")


def test_an_unknown_time_zone_is_named_with_its_line(patient: Maker) -> None:
    """`alembic revision` would fail on it."""
    made = patient("timezone_unknown", at="aa04")
    trouble = made.trouble("timezone-unknown")
    assert trouble.evidence.startswith("alembic.ini:6 names time zone Europe/Atlantis")
    made.mend(trouble)
    assert made.healthy("timezone-unknown")


def test_an_ini_that_leads_nowhere_is_shown_as_it_is(patient: Maker) -> None:
    """No other row says more; what can't be read of the checkout is unknown, never fine."""
    made = patient("sound", at="aa04")
    ini = made.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("%(here)s\n", "%(here)s/nowhere\n", 1))
    found = made.diagnosed()
    trouble = next(each for each in found.found if each.diagnosis.id == "checkout-unreadable")
    assert "nowhere" in trouble.evidence
    unknown = {each.diagnosis.id for each in found.unchecked}
    assert {"syntax-error", "several-heads", "already-exists"} <= unknown
    assert not found.healthy


def test_an_env_py_that_does_not_run_is_shown(patient: Maker) -> None:
    """With what it did in place of running the migrations."""
    made = patient("never_runs", at="aa04")
    trouble = made.trouble("env-py-fails")
    assert "env.py ran without calling context.run_migrations()" in trouble.evidence


def test_a_statement_before_configure_is_named_and_mended(patient: Maker) -> None:
    """The trap in which alembic logs every revision, exits 0, and keeps nothing."""
    made = patient("statement_before_configure")
    made.alembic("upgrade head")
    assert made.project.current() == ""
    trouble = made.trouble("statement-before-configure")
    assert trouble.evidence.startswith("env.py:19 runs a statement before context.configure()")
    assert made.trouble("nothing-persists", proved=True).likelihood == "certain"
    made.mend(trouble)
    assert made.healthy("statement-before-configure")
    assert made.healthy("nothing-persists", proved=True)
    made.alembic("upgrade head")
    assert made.project.current() == "aa04"


def test_an_env_py_that_keeps_nothing_is_no_drift(patient: Maker) -> None:
    """With nothing pending, too: what could not be built is not compared."""
    made = patient("statement_before_configure", at="aa04")
    found = made.diagnosed(proved=True)
    assert {t.diagnosis.id for t in found.found} == {
        "statement-before-configure",
        "nothing-persists",
    }
    assert "schema-drift" in {each.diagnosis.id for each in found.unchecked}


def test_a_percent_that_would_print_the_password_is_doubled(
    patient: Maker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only when there is one in the URL; and no part of the URL is shown."""
    made = patient("url_set_unescaped", env_py_variable="MYAPP_DSN")
    assert made.healthy("percent-in-url")
    url = database.tcp_url.replace("postgresql:", "postgresql+psycopg2:")
    made = Patient(made.project.with_url(monkeypatch, url))
    found = made.diagnosed()
    assert "rd@" not in str(found) + str(found.found)
    trouble = made.trouble("percent-in-url")
    (edit,) = trouble.remedy.edits
    assert edit.text.endswith('os.environ["MYAPP_DSN"].replace("%", "%%"))')
    made.mend(trouble)
    assert made.healthy("percent-in-url")
    made.project.deploy()
    assert made.project.current() == "aa04"


def test_loggers_that_env_py_switches_off_are_a_note(patient: Maker) -> None:
    """As `alembic init` writes it; the edit leaves the others alone."""
    made = patient("plain", at="aa04")
    trouble = made.trouble("loggers-disabled")
    assert trouble.severity == "note"
    made.edit(trouble.remedy)
    assert made.healthy("loggers-disabled")
    made.alembic("current")
