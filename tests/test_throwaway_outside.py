"""Throwaway databases and what is around them: what revisions expect, and what gets out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkouts import Checkout, checkout
from servers import Database

from lexikon_runbook.errors import NotBuilt
from lexikon_runbook.postgres.names import quoted_name
from lexikon_runbook.project.project import Project
from lexikon_runbook.rehearsal import roles, throwaway
from lexikon_runbook.rehearsal.likeness import Likeness
from lexikon_runbook.rehearsal.throwaway import Throwaway
from lexikon_runbook.targets.settings import Target

ROLE = "select rolname from pg_roles where rolname = %s"


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    return checkout(tmp_path / "project")


@pytest.fixture
def here(project: Checkout, database: Database, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The checkout's target; its throwaway databases are on the same server."""
    monkeypatch.setenv("HERE_URL", database.url)
    return Target("here", project.folder, url_env="HERE_URL", throwaway_url_env="HERE_URL")


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """The name of a role that a test may make; it is gone afterwards."""
    name = f"{database.name}_made"
    yield name
    database.execute(f"drop role if exists {name}")


def stopped(target: Target, wanted: Likeness = throwaway.LIKE_NONE) -> NotBuilt:
    """How building the checkout stops."""
    found = Project(target).history
    with throwaway.empty(target, found, wanted) as empty, pytest.raises(NotBuilt) as stop:
        empty.upgrade()
    return stop.value


def built(target: Target, look: Callable[[Throwaway], Any], wanted: Likeness | None = None) -> Any:
    """What is seen in a database at the checkout's heads."""
    with throwaway.empty(target, Project(target).history, wanted or Likeness()) as empty:
        empty.upgrade()
        return look(empty)


def test_a_child_process_of_a_revision_is_refused_and_named(
    project: Checkout, here: Target, tmp_path: Path
) -> None:
    """With its file and line; nothing of it happens, also where the revision swallows it."""
    trace = tmp_path / "trace"
    project.revision(
        "aa01",
        None,
        f"import contextlib, subprocess\nwith contextlib.suppress(Exception):\n"
        f"    subprocess.run(['touch', {str(trace)!r}])\nraise ValueError('not told')",
    )
    refusal = stopped(here)
    assert "calls subprocess.Popen at migrations/versions/aa01.py, line 13" in refusal.happened
    assert not trace.exists()


def test_a_revision_does_not_reach_the_target_by_a_url_of_its_own(
    project: Checkout, here: Target, database: Database
) -> None:
    """No variable leads there, and a URL in the file, or in a settings file, is not let through."""
    database.execute("create table kept (id int); insert into kept values (1)")
    project.revision(
        "aa01",
        None,
        f"import psycopg2\nown = psycopg2.connect({database.url!r})\n"
        "own.cursor().execute('delete from kept')\nown.commit()",
    )
    refusal = stopped(here)
    assert "calls psycopg2.connect at migrations/versions/aa01.py, line 12" in refusal.happened
    assert database.rows("select count(*) from kept") == [(1,)]


def test_what_the_server_adds_to_an_error_is_shown(project: Checkout, here: Target) -> None:
    """Its DETAIL says which key is twice, its HINT what to do."""
    project.revision("aa01", None, "create table t (id int primary key);")
    project.revision("aa02", "aa01", "insert into t values (1), (1);")
    refusal = stopped(here)
    assert "DETAIL: Key (id)=(1) already exists." in refusal.happened
    assert refusal.sqlstate == "23505"
    project.revision("aa02", "aa01", "select no_such_function(1);")
    assert "HINT: No function matches the given name" in stopped(here).happened


def test_an_extension_that_the_target_names_is_made_first(
    project: Checkout, here: Target, database: Database
) -> None:
    """Where the server does not have it, that is said, and no revision is blamed."""
    project.revision("aa01", None, "create table t (id int);")
    refusal = stopped(replace(here, extensions=("no_such_extension",)))
    assert "extension no_such_extension, which [targets.here] names" in refusal.happened
    assert refusal.of_server
    there = database.rows(
        "select name from pg_available_extensions where installed_version is null order by 1"
    )
    name = str(there[0][0])
    found = built(replace(here, extensions=(name,)), lambda empty: empty.catalog().objects)
    assert ("extension", quoted_name(name)) in found or ("extension", name) in found


def test_the_version_table_s_schema_is_made_where_env_py_makes_none(
    project: Checkout, here: Target
) -> None:
    """A first deploy has it from a DBA; the migrations begin without."""
    env = project.folder / "migrations" / "env.py"
    text = env.read_text()
    env.write_text(text.replace("=connection,", '=connection, version_table_schema="keep",'))
    project.revision("aa01", None, "create table t (id int);")
    assert built(here, lambda empty: (empty.rows, empty.version_table)) == (
        ("aa01",),
        "keep.alembic_version",
    )


def test_the_version_table_is_as_wide_as_the_target_s(project: Checkout, here: Target) -> None:
    """Somebody widened it by hand: an id of 42 characters fits there, and so it does here."""
    id_ = "0001_add_a_status_and_a_note_to_every_item"
    project.revision(id_, None, "create table t (id int);")
    assert stopped(here).sqlstate == "22001"
    wide = Likeness(version_type="character varying(255)")
    assert built(here, lambda empty: empty.rows, wide) == (id_,)


def test_a_role_that_a_revision_makes_goes_with_the_database(
    project: Checkout, here: Target, database: Database, role: str
) -> None:
    """It would stay on the server otherwise, and the next build would fail."""
    project.revision("aa01", None, f"create role {role};")
    project.revision("aa02", "aa01", f"create table t (id int); grant select on t to {role};")
    for _ in range(2):
        assert built(here, lambda empty: empty.rows) == ("aa02",)
        assert database.rows(ROLE, role) == []


def test_a_role_that_the_server_has_already_is_said_to_be_in_the_way(
    project: Checkout, here: Target, database: Database, role: str
) -> None:
    """The target was deployed on that server: no fault of the revision, which asks first then."""
    database.execute(f"create role {role}")
    project.revision("aa01", None, f"create role {role};")
    refusal = stopped(here)
    assert f"the one for throwaway databases has {role} already" in refusal.happened
    assert refusal.of_server
    assert f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')" in refusal.next_step
    assert database.rows(ROLE, role) == [(role,)]


def test_a_role_made_in_the_target_s_likeness_gives_way(
    project: Checkout, here: Target, database: Database, role: str
) -> None:
    """A GRANT finds it where no revision makes it; the revision that does runs all the same."""
    with database.connect() as server:
        roles.ensure(server, role, owner=False)
    project.revision("aa00", None, "create table first (id int);")
    project.revision("aa01", "aa00", f"create role {role};")
    assert built(here, lambda empty: empty.rows) == ("aa01",)
    assert database.rows(ROLE, role) == []


def test_a_role_of_the_target_s_own_server_is_not_dropped(
    project: Checkout, here: Target, database: Database, role: str
) -> None:
    """A downgrade that drops it is tried where production's role is: it is stopped before."""
    database.execute(f"create role {role}")
    project.revision("aa01", None, "pass", f"drop role {role};")
    with throwaway.empty(here, Project(here).history) as empty:
        empty.upgrade()
        with pytest.raises(NotBuilt) as stop:
            empty.downgrade("base")
    assert f"changes role {role}, which belongs to the whole server" in stop.value.happened
    assert database.rows(ROLE, role) == [(role,)]


def test_a_revision_without_a_way_back_is_named_by_its_file(
    project: Checkout, here: Target
) -> None:
    """Before anything is run."""
    file = project.revision("aa01", None, "create table t (id int);")
    file.write_text(file.read_text().partition("def downgrade")[0])
    with throwaway.empty(here, Project(here).history) as empty:
        empty.upgrade()
        with pytest.raises(NotBuilt, match=r"aa01\.py has no function downgrade\(\)"):
            empty.downgrade("base")


def test_an_env_py_without_a_revision_makes_what_it_makes(project: Checkout, here: Target) -> None:
    """A schema, mostly; it stands in the base of a first revision."""
    env = project.folder / "migrations" / "env.py"
    before = "    with create_engine(url, poolclass=pool.NullPool).connect() as connection:\n"
    own = f"{before}        connection.exec_driver_sql('create schema if not exists own')\n"
    env.write_text(env.read_text().replace(before, f"{own}        connection.commit()\n"))
    with throwaway.empty(here, Project(here).history) as empty:
        empty.env_py()
        assert ("schema", "own") in empty.catalog().objects
        assert empty.rows == ()
    assert "HERE_URL" in os.environ
