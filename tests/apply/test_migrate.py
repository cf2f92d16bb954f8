"""Plans that run: every revision in its own transaction, verified, and honest when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from projects import FAST, Project, projects
from servers import Database

from lexikon_runbook.errors import MigrationFailed, NothingPersisted, PlanChanged, UnknownRevision

Maker = Callable[..., Project]


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


def test_each_revision_is_a_transaction_of_its_own(project: Maker) -> None:
    """env.py asks for one transaction over all; the failing third leaves two that are in."""
    plain = project("plain")
    plain.database.execute("create schema other")
    third = next((plain.folder / "versions").glob("aa03*"))
    third.write_text(third.read_text().replace('["author"]', '["autor"]'))
    with pytest.raises(MigrationFailed) as stop:
        plain.deploy()
    assert plain.current() == "aa02"
    assert plain.columns("notes") == "id body author"
    assert 'column "autor" does not exist (SQLSTATE 42703)' in stop.value.happened
    assert "nothing of the revision stayed; the database is at aa02" in stop.value.state
    assert "mend aa03_index_author.py" in stop.value.next_step


def test_deploy_to_head_says_what_it_did(project: Maker) -> None:
    """Four revisions, four lines, and the outcome as it was read back."""
    plain = project("plain")
    done = plain.deploy()
    assert (plain.current(), done.current) == ("aa04", "aa04")
    assert [a.step.revision.id for a in done.applied] == ["aa01", "aa02", "aa03", "aa04"]
    assert [len(a.attempts) for a in done.applied] == [1, 1, 1, 1]
    assert len(plain.report.lasted) == 4
    assert "adds tables notes, tags, index ix_notes_author" in done.difference.summary()
    assert plain.database.rows("select name from tags") == [("new",)]
    again = plain.deploy()
    assert again.why_nothing == "the database is already there"
    assert again.applied == ()


@pytest.mark.parametrize(
    ("revision", "current"), [("-1", "aa03"), ("-2", "aa02"), ("aa01", "aa01"), ("base", "")]
)
def test_rollback_goes_where_it_was_told(project: Maker, revision: str, current: str) -> None:
    """One back, two back, to a revision, and to nothing."""
    plain = project("plain")
    plain.deploy()
    done = plain.roll_back(revision)
    assert plain.current() == current
    assert done.current == (current or "base")
    plain.deploy()
    assert plain.current() == "aa04"


def test_deploy_can_stop_half_way(project: Maker) -> None:
    """+2 from nothing is the second revision."""
    plain = project("plain")
    assert plain.deploy("+2").current == "aa02"


def test_branches_and_their_merge_are_applied_one_by_one(project: Maker) -> None:
    """Up through both branches and the merge, and down below all of them again."""
    branches = project("branches")
    done = branches.deploy()
    assert branches.current() == "bb04"
    assert len(done.applied) == 5
    assert set(branches.columns("notes").split()) == {"id", "body", "colour", "size"}
    assert [step.known for step in done.plan.steps] == [True] * 5
    branches.roll_back("aa01")
    assert branches.current() == "aa01"
    assert branches.columns("notes") == "id body"


def test_a_dependency_between_branches_is_kept(project: Maker) -> None:
    """depends_on drops a version row of its own accord; the plan knows it beforehand."""
    dependency = project("dependency")
    assert dependency.deploy().current == "dd03"
    assert dependency.columns("notes") == "id body colour"
    assert dependency.roll_back("base").current == "base"


@pytest.mark.parametrize(
    "history", ["swallowed_error", "swallowed_and_rolled_back", "swallowed_with_driver_rollback"]
)
def test_a_swallowed_error_is_a_failure_that_names_its_statement(
    project: Maker, history: str
) -> None:
    """The first statement that failed is what a person needs, and nothing was kept."""
    swallowing = project(history)
    swallowing.deploy("aa01")
    with pytest.raises(MigrationFailed) as stop:
        swallowing.deploy()
    assert 'relation "missing" does not exist (SQLSTATE 42P01)' in stop.value.happened
    assert "in: ALTER TABLE missing ADD COLUMN colour text" in stop.value.happened
    assert swallowing.current() == "aa01"
    assert swallowing.columns("notes") == "id body"
    assert "nothing of the revision stayed" in stop.value.state
    assert "cc01_swallow.py" in stop.value.next_step


def test_a_swallowed_error_advises_a_savepoint(project: Maker) -> None:
    """The way to let one statement fail is named."""
    swallowing = project("swallowed_with_driver_rollback")
    with pytest.raises(MigrationFailed) as stop:
        swallowing.deploy()
    assert "what it had done before was lost" in stop.value.happened
    assert "put the statement in a SAVEPOINT" in stop.value.next_step


def test_a_revision_that_rolls_back_by_itself_fails(project: Maker) -> None:
    """No error, no trace, and yet its first half would be missing."""
    swallowing = project("rolled_back")
    swallowing.deploy("aa01")
    with pytest.raises(MigrationFailed, match="rolled its transaction back") as stop:
        swallowing.deploy()
    assert swallowing.current() == "aa01"
    assert "take the rollback out of cc01_swallow.py" in stop.value.next_step


@pytest.mark.parametrize("history", ["savepoint", "savepoint_in_sql"])
def test_an_error_in_a_savepoint_is_the_revisions_own_business(
    project: Maker, history: str
) -> None:
    """An error that lost no work is no failure."""
    assert project(history).deploy().current == "cc01"
    assert project(history).columns("notes") == "id body colour"


def test_an_error_raised_anew_still_names_the_statement(project: Maker) -> None:
    """The revision's own words, and the server's."""
    raising = project("raised_again")
    with pytest.raises(MigrationFailed) as stop:
        raising.deploy()
    assert "RuntimeError: colour could not be added" in stop.value.happened
    assert "ALTER TABLE missing" in stop.value.happened


def test_a_revision_that_fails_at_commit_says_so(project: Maker) -> None:
    """A deferred constraint is checked at COMMIT only."""
    deferred = project("deferred")
    with pytest.raises(MigrationFailed) as stop:
        deferred.deploy()
    assert "violates foreign key constraint" in stop.value.happened
    assert "in: COMMIT" in stop.value.happened
    assert deferred.current() == "aa01"
    assert "(1, 2)" not in str(stop.value)


def test_a_revision_that_commits_itself_is_read_back_whole(project: Maker) -> None:
    """An old habit: op.execute("COMMIT")."""
    assert project("commits_itself").deploy().current == "cc01"


def test_what_a_failed_revision_committed_itself_is_reported(project: Maker) -> None:
    """The version row says no, the catalog says in part."""
    parts = project("fails_after_commit")
    with pytest.raises(MigrationFailed) as stop:
        parts.deploy()
    assert "part of the revision is committed, and its version is not" in stop.value.state
    assert "+ column public.notes.colour" in stop.value.state
    assert parts.current() == "aa01"


def test_scratch_and_temporary_tables_leave_the_catalog_alone(project: Maker) -> None:
    """A revision that need not show in the catalog is not taken for one that was lost."""
    assert project("scratch_table").deploy().current == "cc01"


def test_a_statement_before_configure_persists_nothing_and_is_found_out(project: Maker) -> None:
    """Alembic logs success, and exits 0; the database knows better."""
    silent = project("statement_before_configure")
    with pytest.raises(NothingPersisted) as stop:
        silent.deploy()
    assert "revision aa01 ran without an error and was not kept" in stop.value.happened
    assert "the database is at base" in stop.value.state
    assert "context.configure()" in stop.value.next_step
    assert "SET lock_timeout = '4s'" in stop.value.next_step
    assert silent.current() == ""
    assert silent.columns("notes") == ""


def test_a_revision_of_data_alone_that_was_not_kept_is_found_out(project: Maker) -> None:
    """The catalog is as it should be; the version row is not."""
    silent = project("statement_before_configure")
    first = next((silent.folder.parent / "plain" / "versions").glob("aa01*"))
    first.write_text(
        'from alembic import op\n\nrevision = "aa01"\ndown_revision = None\n\n\n'
        'def upgrade():\n    op.execute("SELECT 1")\n\n\ndef downgrade():\n    pass\n'
    )
    with pytest.raises(NothingPersisted, match="aa01 ran without an error and was not kept"):
        silent.deploy("aa01")
    assert silent.current() == ""


def test_an_engine_in_autocommit_deploys_and_reports_parts(project: Maker) -> None:
    """Every statement is kept by itself, also those before the one that fails."""
    auto = project("autocommit_engine")
    fourth = next((auto.folder.parent / "plain" / "versions").glob("aa04*"))
    assert auto.deploy("aa03").current == "aa03"
    fourth.write_text(fourth.read_text().replace("INTO tags", "INTO togs"))
    with pytest.raises(MigrationFailed) as stop:
        auto.deploy()
    assert "+ table public.tags" in stop.value.state
    assert auto.current() == "aa03"


def test_a_statement_that_runs_too_long_is_stopped(project: Maker) -> None:
    """The advice names the parameter."""
    slow = project("slow")
    slow.deploy("aa01")
    with pytest.raises(MigrationFailed) as stop:
        slow.deploy(policy=replace(FAST, statement_timeout_s=0.3))
    assert "canceling statement due to statement timeout (SQLSTATE 57014)" in stop.value.happened
    assert "raise statement_timeout_s" in stop.value.next_step
    assert slow.columns("notes") == "id body"


def test_a_plan_is_not_run_when_an_index_appeared_meanwhile(project: Maker) -> None:
    """The one line that differs is shown, and nothing is applied."""
    plain = project("plain")
    plain.deploy("aa01")
    shown = plain.plan()
    plain.database.execute("create index by_hand on notes (body)")
    with pytest.raises(PlanChanged) as stop:
        plain.apply(shown)
    assert stop.value.happened.splitlines()[1:] == [
        "+ index public.by_hand: CREATE INDEX by_hand ON public.notes USING btree (body)"
    ]
    assert "nothing applied; the database is at aa01" in stop.value.state
    assert "approve its digest" in stop.value.next_step
    assert plain.current() == "aa01"


def test_a_plan_is_not_run_when_a_revision_was_edited_meanwhile(project: Maker) -> None:
    """The file is named."""
    plain = project("plain")
    shown = plain.plan()
    second = next((plain.folder / "versions").glob("aa02*"))
    second.write_text(second.read_text() + "\n# looked at\n")
    with pytest.raises(PlanChanged) as stop:
        plain.apply(shown)
    assert stop.value.happened.splitlines()[1:] == ["aa02_add_author.py was edited"]
    assert plain.current() == ""


def test_a_plan_is_not_run_when_the_version_moved_meanwhile(project: Maker) -> None:
    """Somebody else was faster, half of the way."""
    plain = project("plain")
    shown = plain.plan()
    plain.deploy("aa01")
    with pytest.raises(PlanChanged) as stop:
        plain.apply(shown)
    assert "the database moved from base to aa01" in stop.value.happened
    assert plain.current() == "aa01"


def test_a_plan_that_somebody_else_ran_is_done(project: Maker) -> None:
    """Nothing is left to do, which is no failure."""
    plain = project("plain")
    shown = plain.plan()
    plain.deploy()
    done = plain.apply(shown)
    assert done.why_nothing == "another runner did it in the meantime"
    assert done.current == "aa04"


def test_a_way_that_does_not_exist_is_refused(project: Maker) -> None:
    """Beyond the end, nothing is begun."""
    with pytest.raises(UnknownRevision):
        project("plain").deploy("+9")


def test_a_run_that_fails_half_way_has_kept_what_is_in(project: Maker) -> None:
    """The record of a failed deploy names the revisions that the database holds."""
    plain = project("plain")
    third = plain.folder / "versions" / "aa03_index_author.py"
    third.write_text(third.read_text().replace('"notes", ["author"]', '"notes", ["nobody"]'))
    with pytest.raises(MigrationFailed):
        plain.deploy()
    assert plain.report.steps == ["aa01", "aa02"]
    assert plain.current() == "aa02"


def options(folder: Path, body: str) -> None:
    """A module of the application, and the line of aa02's upgrade() that does this."""
    (folder / "options.py").write_text("def get():\n    raise LookupError('no such option')\n")
    file = next((folder / "versions").glob("aa02*"))
    here = f"import sys; sys.path.insert(0, {str(folder)!r})"
    head = "def upgrade() -> None:\n"
    file.write_text(file.read_text().replace(head, f"{head}    {here}\n    {body}\n", 1))


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ("import options; options.get()", "options.py:2, which aa02_add_author.py calls"),
        (
            "import configparser; configparser.ConfigParser().get('app', 'url')",
            "asks for the application's configuration, which env.py has not loaded",
        ),
    ],
)
def test_an_error_of_the_application_is_not_the_revisions(
    project: Maker, body: str, advice: str
) -> None:
    """Nobody is told to edit a revision that is right."""
    plain = project("plain")
    options(plain.folder, body)
    with pytest.raises(MigrationFailed) as stop:
        plain.deploy()
    assert stop.value.happened.startswith("revision aa02 failed: ")
    assert advice in stop.value.next_step
    assert stop.value.next_step.endswith("aa02_add_author.py may stay as it is.")
    assert "may be edited" not in stop.value.next_step


def test_an_error_of_env_py_is_not_the_revisions(project: Maker) -> None:
    """It asks for its own options once the first revision ran: no line of that is on the way."""
    plain = project("plain")
    env_py = plain.folder / "env.py"
    configure = "context.configure(connection=connection,"
    failing = f"{configure} on_version_apply=lambda **_: {{}}['option'],"
    assert configure in env_py.read_text()
    env_py.write_text(env_py.read_text().replace(configure, failing))
    with pytest.raises(MigrationFailed) as stop:
        plain.deploy()
    assert stop.value.happened.startswith("env.py with revision aa01 failed: KeyError")
    assert f"mend {env_py}:" in stop.value.next_step
    assert "may be edited" not in stop.value.next_step
