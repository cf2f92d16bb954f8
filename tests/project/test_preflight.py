"""Before a plan is made: a database and a checkout that do not fit each other are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import checkouts
import pytest
from checkouts import Checkout
from servers import PROJECT, Database

from lexikon_runbook.errors import (
    HistoryError,
    ReadFailed,
    RunbookError,
    TargetUnreachable,
    WrongDatabase,
)
from lexikon_runbook.project import preflight
from lexikon_runbook.project.database import Database as Looked
from lexikon_runbook.project.history import Direction
from lexikon_runbook.targets import settings

SEES_NOTHING = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"


@pytest.fixture
def project(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Three revisions in a line, and a target whose database is fresh."""
    monkeypatch.setenv("HERE_URL", database.url)
    made = checkouts.checkout(tmp_path)
    made.revision("aaaa0001", None, "create table a (id int);", "drop table a;")
    made.revision("bbbb0002", "aaaa0001", "create table b (id int);", "drop table b;")
    made.revision("cccc0003", "bbbb0002", "create table c (id int);", "drop table c;")
    return made


def stamp(database: Database, *rows: str) -> None:
    """Write version rows as Alembic keeps them."""
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    for row in rows:
        database.execute("insert into alembic_version values (%s)", row)


def check(project: Checkout, direction: Direction = "upgrade") -> Looked:
    return preflight.check(settings.target("here", project.folder), direction)


def refusal(project: Checkout, kind: type[RunbookError], direction: Direction = "upgrade") -> str:
    """The text of what preflight raises; nothing was changed."""
    with pytest.raises(kind) as stop:
        check(project, direction)
    assert "nothing" in stop.value.state or "no statement" in stop.value.state
    assert stop.value.next_step
    return str(stop.value)


def test_a_fresh_database_is_at_base_and_stays_untouched(
    project: Checkout, database: Database
) -> None:
    """No version table is made by looking."""
    found = check(project)
    assert str(found.version) == "base"
    assert not found.version.tracked
    assert len(found.pending or ()) == 3
    assert database.rows(SEES_NOTHING) == [(0,)]


def test_a_database_in_the_middle_shows_where_it_is_and_what_is_pending(
    project: Checkout, database: Database
) -> None:
    """The card says database, version row, heads and the number of pending revisions."""
    stamp(database, "bbbb0002")
    found = check(project)
    assert found.version.current == "bbbb0002"
    assert found.version.tracked
    shown = str(found)
    assert f"database {database.name} on local socket (PostgreSQL " in shown
    assert "Version row  bbbb0002 in alembic_version" in shown
    assert "Heads        cccc0003" in shown
    assert "Pending      1 revision: cccc0003\n" in shown
    assert "<b " in found._repr_html_()


def test_an_emptied_version_table_is_tracked_and_at_base(
    project: Checkout, database: Database
) -> None:
    """As after a downgrade to base."""
    stamp(database)
    found = check(project)
    assert (found.version.current, found.version.tracked) == ("", True)


def test_a_version_table_of_another_name_and_schema_is_found(
    project: Checkout, database: Database
) -> None:
    """Where env.py says that it is."""
    env = project.folder / "migrations" / "env.py"
    named = (
        "context.configure(connection=connection, version_table='v', version_table_schema='ops',"
    )
    env.write_text(env.read_text().replace("context.configure(connection=connection,", named))
    database.execute("create schema ops; create table ops.v (version_num varchar(32))")
    database.execute("insert into ops.v values ('aaaa0001')")
    found = check(project)
    assert (found.version.current, found.version.table) == ("aaaa0001", "ops.v")


def test_a_version_table_where_env_py_does_not_look_is_no_new_database(
    project: Checkout, database: Database
) -> None:
    """Its search_path decides; a deploy would build everything a second time."""
    database.execute("create schema app")
    database.execute("create table app.alembic_version as select 'bbbb0002' as version_num")
    said = refusal(project, HistoryError)
    assert 'env.py finds no alembic_version, and app."alembic_version" says that this ' in said
    assert "database is at bbbb0002" in said
    assert "`lexikon-runbook run troubleshoot -p target=here` shows the line of env.py" in said
    own = said.partition("make this one's own: ")[2]
    database.execute(own.partition("\n")[0])
    assert check(project).version.tracked


def test_another_applications_version_table_does_not_matter(
    project: Checkout, database: Database
) -> None:
    """Its revision is none of this checkout's."""
    database.execute("create schema app")
    database.execute("create table app.alembic_version as select 'ffff0009' as version_num")
    assert not check(project).version.tracked


def test_a_version_table_that_this_role_may_not_read_is_not_taken_for_none(
    project: Checkout,
    database: Database,
    reader: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The grants let it be seen, and then it counts."""
    name, url = reader
    monkeypatch.setenv("HERE_URL", url)
    database.execute("create schema app")
    database.execute("create table app.alembic_version as select 'bbbb0002' as version_num")
    said = refusal(project, ReadFailed)
    assert f'app."alembic_version", and role {name} may not read it' in said
    database.execute(said.partition("Next: ")[2].partition(". If that is")[0])
    assert "is at bbbb0002" in refusal(project, HistoryError)


def test_several_version_rows_are_named(project: Checkout, database: Database) -> None:
    """`alembic current` may hide one of them."""
    stamp(database, "aaaa0001", "bbbb0002")
    said = refusal(project, HistoryError, "downgrade")
    assert "alembic_version has a row for bbbb0002 and one for aaaa0001, which it follows" in said
    assert """DELETE FROM "alembic_version" WHERE version_num IN ('aaaa0001')""" in said


def test_a_revision_that_the_checkout_lacks_names_the_command_that_finds_its_commit(
    project: Checkout, database: Database
) -> None:
    """The code is older than the database."""
    stamp(database, "dead00000000")
    said = refusal(project, HistoryError)
    assert "the database is at revision dead00000000, which this checkout does not have" in said
    assert f"git log --all --oneline -Sdead00000000 -- {project.folder}" in said


def test_several_heads_are_named_and_stop_no_rollback(
    project: Checkout, database: Database
) -> None:
    """A rollback in the night must not wait for a merge."""
    project.revision("dddd0004", "bbbb0002")
    stamp(database, "bbbb0002")
    found = check(project, "downgrade")
    assert (len(found.history.heads), len(found.pending or ())) == (2, 2)


def test_a_broken_checkout_is_told_before_the_database_is_asked(
    project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are read first: no connection is needed to see a syntax error."""
    monkeypatch.setenv("HERE_URL", "postgresql://u:hunter22@127.0.0.1:1/d")
    assert "no PostgreSQL listens there" in refusal(project, TargetUnreachable)
    (project.versions / "bbbb0002.py").write_text("if True\n")
    said = refusal(project, HistoryError)
    assert "bbbb0002.py:1: syntax error" in said
    assert "hunter22" not in said


def test_an_env_py_that_goes_elsewhere_is_stopped_with_both_names(
    project: Checkout, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice is the two keys that lead it to the target."""
    other = database.server.create()
    monkeypatch.setenv("HERE_URL", database.url.replace("postgresql:", "postgresql+psycopg2:"))
    monkeypatch.setenv("OTHER_URL", other.url.replace("postgresql:", "postgresql+psycopg2:"))
    env = project.folder / "migrations" / "env.py"
    text = env.read_text().replace(
        'context.config.get_main_option("sqlalchemy.url")', '__import__("os").environ["OTHER_URL"]'
    )
    env.write_text(text)
    said = refusal(project, WrongDatabase)
    assert f"connects to database {other.name} on" in said
    assert f"target here is database {database.name} on" in said
    assert 'env_py_variable = "NAME"' in said
    settings_file = (project.folder / "runbook.toml").read_text()
    project.settings(
        settings_file.replace("[targets.here]", "[targets.here]\nenv_py_variable = 'OTHER_URL'")
    )
    assert check(project).identity.database == database.name
    other.drop()


def test_lexikon_is_looked_at_without_a_trace(
    lexikon: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dump is the same before and after."""
    made = lexikon()
    monkeypatch.setenv("HERE_URL", made.url)
    before = made.dump()
    target = settings.Target("here", PROJECT, url_env="HERE_URL")
    assert len(preflight.check(target, "upgrade").pending or ()) == 1
    assert made.dump() == before
