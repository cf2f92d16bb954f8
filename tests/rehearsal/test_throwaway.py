"""Throwaway databases: what the migrations alone produce, and nothing left of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from checkouts import Checkout, checkout
from projects import until
from psycopg2.extensions import connection as Connection
from servers import PROJECT, Database, Server

from lexikon_runbook.demo import server as demo
from lexikon_runbook.errors import NotBuilt, SettingsError
from lexikon_runbook.postgres import catalog, embedded_server
from lexikon_runbook.project import database as looked
from lexikon_runbook.project.project import Project
from lexikon_runbook.rehearsal import throwaway, throwaway_server
from lexikon_runbook.rehearsal.likeness import Likeness
from lexikon_runbook.targets import embedded
from lexikon_runbook.targets.settings import Target

FIRST, OLD, HEAD = "7beb871f4454", "b9d0965451a3", "f36a73221bb3"
HANGING = f"""
import threading
from pathlib import Path
from lexikon_runbook.project.project import Project
from lexikon_runbook.rehearsal import throwaway
from lexikon_runbook.targets.settings import Target

target = Target(
    "here", Path({str(PROJECT)!r}), url_env="HERE_URL", throwaway_url_env="THROWAWAY_URL"
)
with throwaway.empty(target, Project(target).history) as made:
    print(made.identity.database, flush=True)
    threading.Event().wait()
"""
MADE = "select datname from pg_database where datname like 'throwaway%'"


@pytest.fixture
def target(database: Database, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Lexikon's checkout, whose throwaway databases are made on the tests' own server."""
    monkeypatch.setenv("HERE_URL", database.url)
    monkeypatch.setenv("THROWAWAY_URL", database.url)
    return Target("here", PROJECT, url_env="HERE_URL", throwaway_url_env="THROWAWAY_URL")


@pytest.fixture
def project(tmp_path: Path, target: Target) -> Checkout:
    return checkout(tmp_path / "project")


def of(project: Checkout, target: Target) -> Target:
    return replace(target, project=project.folder)


def test_migrations_alone_give_the_catalog_of_the_migrated_database(
    target: Target, lexikon: Callable[..., Database], server: Server
) -> None:
    """Built on an empty database, every object is that of Lexikon's own; nothing stays behind."""
    made = lexikon(HEAD)
    with throwaway.empty(target, Project(target).history) as empty:
        empty.upgrade()
        built = empty.catalog()
    with closing(made.connect()) as connection:
        live = catalog.read(connection, version_table="alembic_version")
    assert not catalog.difference(live, built), catalog.difference(live, built)
    assert made.rows(MADE) == []


def test_each_revision_s_catalog_is_given_in_order(target: Target) -> None:
    """Three revisions, three catalogs, and a downgrade that leads back to the one before."""
    found = Project(target).history
    with throwaway.empty(target, found) as empty:
        after: dict[str, catalog.Catalog] = {}

        def read(id_: str, connection: Connection) -> None:
            after[id_] = catalog.read(connection, version_table="alembic_version")

        empty.after_each([r.id for r in found.revisions], read)
        empty.downgrade(OLD)
        assert empty.catalog() == after[OLD]
    assert list(after) == [FIRST, OLD, HEAD]
    assert ("table", "public.webhooks") in after[HEAD].objects.keys() - after[OLD].objects.keys()


def test_the_target_s_own_database_is_not_touched(target: Target, database: Database) -> None:
    """Neither a table nor a version row appears where the target's URL leads."""
    with throwaway.empty(target, Project(target).history) as empty:
        empty.upgrade()
    assert database.rows("select relname from pg_class where relname = 'alembic_version'") == []


def test_a_revision_that_fails_is_named_with_its_first_failing_statement(
    project: Checkout, target: Target, database: Database
) -> None:
    """Also when the revision swallowed that error: the cause is shown, not its aftermath."""
    swallowing = (
        "import contextlib\n"
        "with contextlib.suppress(Exception):\n    op.execute('create index on nowhere (x)')\n"
        "op.execute('create table t (id int)')"
    )
    project.revision("aa01", None, swallowing)
    found = Project(of(project, target)).history
    with throwaway.empty(of(project, target), found) as empty, pytest.raises(NotBuilt) as stop:
        empty.upgrade()
    assert "aa01.py" in stop.value.happened
    assert 'create index on nowhere (x) - relation "nowhere" does not exist (42P01)' in (
        stop.value.happened
    )
    assert stop.value.state == "only a throwaway database was touched, and it is dropped."
    assert "throwaway_url_env" in stop.value.next_step
    assert database.rows(MADE) == []


def test_without_a_server_the_variable_to_set_is_named(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unset variable, and a role that may not create databases, change nothing."""
    found = Project(target).history
    monkeypatch.delenv("THROWAWAY_URL")
    with pytest.raises(SettingsError) as stop, throwaway.empty(target, found):
        raise AssertionError("unreachable")
    assert stop.value.next_step.startswith("export THROWAWAY_URL=")


def test_a_role_without_createdb_is_told_what_it_needs(
    target: Target, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the server, answered with the right to grant, and no password in it."""
    monkeypatch.setenv("THROWAWAY_URL", database.tcp_url)
    with pytest.raises(SettingsError) as stop, throwaway.empty(target, Project(target).history):
        raise AssertionError("unreachable")
    assert "permission denied to create database" in stop.value.happened
    assert "CREATEDB" in stop.value.next_step
    assert "rd@" not in str(stop.value)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Path]:
    """The folder of an embedded server of a project that is not Lexikon's."""
    above = Path(tempfile.mkdtemp(prefix="throwaway-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(above / "pg"))
        yield above / "pg"
        demo.stop(above)
    shutil.rmtree(above)


def test_the_embedded_server_has_the_target_s_owner_roles_and_version(
    own_server: Path,
    project: Checkout,
    target: Target,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GRANT to a role of the target's server runs, and what is built belongs to its owner."""
    monkeypatch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(own_server))
    here = replace(of(project, target), throwaway_url_env="")
    database.execute("create table alembic_version (version_num text)")
    database.execute(f"alter table alembic_version owner to {database.server.role}")
    project.revision(
        "aa01", None, f"create table t (); grant select on t to {database.server.role};"
    )
    found = looked.reach(here)
    with found.connected() as connection:
        likeness = Likeness.of(connection, found.identity, found.version_table)
    oldest = embedded_server.majors()[-1]
    with throwaway.empty(here, Project(here).history, replace(likeness, major=oldest)) as empty:
        empty.upgrade()
        assert empty.identity.version.startswith(str(oldest))
        assert empty.owner == database.server.role
        assert empty.catalog().objects["table", "public.t"] == f"owner {empty.owner}"
        name = empty.identity.database
    folder = own_server.with_name(f"pg-{oldest}")
    left = embedded.address(folder, "postgres")
    assert left is not None
    demo.stop(here.project)
    assert embedded.address(folder, "postgres") is None
    assert name.startswith("throwaway_")


def test_what_a_killed_process_left_is_dropped_by_the_next(
    target: Target, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database whose maker is gone goes; one that is in use stays, whoever looks from where."""
    found = Project(target).history
    gone = "throwaway_4194304_dead"
    database.execute(f"create database {gone}")
    elsewhere = replace(target, throwaway_url_env="ELSEWHERE_URL")
    with throwaway.empty(target, found) as alive:
        assert gone not in {row[0] for row in database.rows(MADE)}
        postgres = database.url.replace(f"/{database.name}", "/postgres")
        monkeypatch.setenv("ELSEWHERE_URL", postgres)
        with throwaway.empty(elsewhere, found) as other:
            both = {alive.identity.database, other.identity.database}
            assert both <= {row[0] for row in database.rows(MADE)}
        assert not alive.rows


def test_a_killed_process_leaves_nothing_for_long(target: Target, database: Database) -> None:
    """The next one drops what it left, on a server that throwaway_url_env names."""
    command = [sys.executable, "-c", HANGING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout is not None
        name = made.stdout.readline().strip()
        assert (name,) in database.rows(MADE)
        made.kill()
    until(lambda: (name,) in database.rows(throwaway_server.LEFT), "its session is gone")
    with throwaway.empty(target, Project(target).history):
        assert (name,) not in database.rows(MADE)


def test_a_revision_that_connects_by_itself_reaches_the_throwaway_database(
    project: Checkout, target: Target, database: Database
) -> None:
    """Some read the application's variable and open a connection past SQLAlchemy."""
    project.revision(
        "aa01",
        None,
        "import os, psycopg2\n"
        "with psycopg2.connect(os.environ['HERE_URL']) as own, own.cursor() as cursor:\n"
        "    cursor.execute('create table by_itself (id int)')",
    )
    here = of(project, target)
    with throwaway.empty(here, Project(here).history) as empty:
        empty.upgrade()
        assert ("table", "public.by_itself") in empty.catalog().objects
    assert database.rows("select to_regclass('by_itself')") == [(None,)]
    assert os.environ["HERE_URL"] == database.url


def test_an_existing_role_of_the_embedded_server_gets_no_rights(
    own_server: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may be somebody's: a role that is there stays as it is."""
    monkeypatch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(own_server))
    here = replace(target, throwaway_url_env="")
    found = Project(here).history
    with throwaway.empty(here, found) as empty, empty.connected() as connection:
        with connection.cursor() as cursor:
            cursor.execute("create role plain login")
        wanted = Likeness(owner="plain", roles=("plain",))
        with throwaway.empty(here, found, wanted) as other, connection.cursor() as cursor:
            assert other.owner == "postgres"
            cursor.execute("select rolsuper from pg_roles where rolname = 'plain'")
            assert cursor.fetchall() == [(False,)]
            cursor.execute("drop role plain")
