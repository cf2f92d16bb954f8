"""Drift that is wanted: what a job, an extension or a DBA makes is told apart, or left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from checkouts import Checkout, checkout
from servers import Database

from lexikon_runbook.postgres.catalog import Change
from lexikon_runbook.project import database as looked
from lexikon_runbook.schema import drift, left_out
from lexikon_runbook.schema.left_out import Ignored
from lexikon_runbook.targets.settings import Target

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table(
    "events", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Date, primary_key=True),
    postgresql_partition_by="RANGE (at)",
)
"""
EVENTS = (
    "create table events (id int not null, at date not null, primary key (id, at)) "
    "partition by range (at)",
    "create index ix_events_at on events (at)",
)
TOMORROW = (
    "create table events_20261125 partition of events "
    "for values from ('2026-11-25') to ('2026-11-26')"
)


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    """A partitioned table from a revision, and its model; env.py leaves nothing out."""
    made = checkout(tmp_path / "project")
    (made.folder / "shop_models.py").write_text(MODELS)
    env = made.folder / "migrations" / "env.py"
    text = f"import shop_models\n{env.read_text()}"
    given = "=connection, target_metadata=shop_models.metadata,"
    env.write_text(text.replace("=connection,", given))
    ini = made.folder / "alembic.ini"
    ini.write_text(f"{ini.read_text()}prepend_sys_path = .\n")
    made.revision("aa01", None, "\n".join(f"op.execute({sql!r})" for sql in EVENTS[:1]))
    return made


@pytest.fixture
def here(project: Checkout, database: Database, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Its target, deployed."""
    monkeypatch.setenv("HERE_URL", database.url)
    database.execute(EVENTS[0])
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('aa01')")
    return Target("here", project.folder, url_env="HERE_URL", throwaway_url_env="HERE_URL")


def test_a_partition_that_a_job_made_is_shown_and_is_no_drift(
    here: Target, database: Database
) -> None:
    """With its indexes and constraints, and against the models, which name none, too."""
    database.execute(TOMORROW)
    database.execute("alter table events_20261125 add constraint c check (id > 0)")
    found = looked.reach(here)
    migrations, models = drift.against_migrations(found), drift.against_models(found)
    assert (migrations.drifted, models.changes) == (False, ())
    assert "public.events_20261125 of public.events" in str(migrations)


def test_a_partition_of_a_table_that_no_migration_makes_is_drift(
    here: Target, database: Database
) -> None:
    """Its parent stands in the database only, as the partition does."""
    database.execute("create table logs (at date) partition by range (at)")
    database.execute("create table logs_default partition of logs default")
    shown = str(drift.against_migrations(looked.reach(here)).difference)
    assert "+ table public.logs" in shown
    assert "+ table public.logs_default" in shown


def test_what_the_target_ignores_is_left_out_of_both(here: Target, database: Database) -> None:
    """A table takes its parts along; what is not named stays drift."""
    database.execute("create table dba_notes (id serial primary key, body text)")
    database.execute("create index on dba_notes (body); comment on table dba_notes is 'mine'")
    database.execute("grant select on dba_notes to public; create view other as select 1 as one")
    ignoring = replace(here, ignore=("table:public.dba_*",))
    found = looked.reach(ignoring)
    migrations, models = drift.against_migrations(found), drift.against_models(found)
    assert migrations.difference is not None
    assert {change.name for change in migrations.difference.added if change.kind == "view"} == {
        "public.other"
    }
    assert "dba_notes" not in str(migrations.difference)
    assert "objects by `ignore`" in str(migrations)
    assert models.changes == ()
    assert "ignore = " in str(drift.against_migrations(looked.reach(here)))


def test_a_table_of_an_extension_is_no_drift(here: Target, database: Database) -> None:
    """Neither from the migrations nor from the models, which both don't know it."""
    database.execute("create table ref_sys (srid int primary key)")
    database.execute("alter extension plpgsql add table ref_sys")
    found = looked.reach(here)
    migrations, models = drift.against_migrations(found), drift.against_models(found)
    assert (migrations.drifted, models.changes) == (False, ())


def test_an_extension_of_a_dba_is_answered_with_the_key_that_makes_it(
    here: Target, database: Database
) -> None:
    """The throwaway database lacks it, until the target names it."""
    there = database.rows(
        "select name from pg_available_extensions where installed_version is null order by 1"
    )
    name = str(there[0][0])
    database.execute(f'create extension "{name}"')
    found = drift.against_migrations(looked.reach(here))
    assert found.drifted
    assert f'extensions = ["{name}"]' in str(found)
    named = drift.against_migrations(looked.reach(replace(here, extensions=(name,))))
    assert named.drifted is False


@pytest.mark.parametrize(
    ("kind", "name", "text", "relation"),
    [
        ("table", 'public."A b"', "owner x", 'public."A b"'),
        ("column", 'public."A b".id', "integer", 'public."A b"'),
        ("index", "public.i", "CREATE INDEX i ON ONLY public.t USING btree (id)", "public.t"),
        ("sequence", "public.s", "bigint cache 1 owned by public.t.id; owner x", "public.t"),
        ("comment", "table column public.t.id", "said", "public.t"),
        ("comment", "trigger g on public.t", "said", "public.t"),
        ("grant", "table public.t TO reader", "SELECT", "public.t"),
        ("function", "public.f(integer)", "...", ""),
    ],
)
def test_every_part_is_known_to_belong_to_its_table(
    kind: str, name: str, text: str, relation: str
) -> None:
    """By its name, or by its definition."""
    assert left_out.relation_of(Change(kind, name, None, text)) == relation


@pytest.mark.parametrize(
    ("kind", "name", "text", "column", "schema"),
    [
        ("column", 'public."A b".id', "integer", 'public."A b".id', "public"),
        ("comment", "table column a.t.c", "said", "a.t.c", "a"),
        ("grant", "table column a.t.c TO reader", "SELECT", "a.t.c", "a"),
        ("sequence", "a.s", "bigint cache 1 owned by a.t.id; owner x", "a.t.id", "a"),
        ("comment", "schema audit", "said", "", "audit"),
        ("grant", 'schema "Au dit" TO reader', "USAGE", "", '"Au dit"'),
        ("grant", "table public.schema TO reader", "SELECT", "", "public"),
        ("schema", "audit", "owner x", "", "audit"),
        ("function", "a.f(integer)", "...", "", "a"),
        ("extension", '"uuid-ossp"', "1.1 in public", "", ""),
    ],
)
def test_every_object_is_known_to_lie_in_its_schema(
    kind: str, name: str, text: str, column: str, schema: str
) -> None:
    """And what belongs to one column, to that column."""
    change = Change(kind, name, None, text)
    assert (left_out.column_of(change), left_out.schema_of(change)) == (column, schema)


def test_a_glob_is_of_a_kind_and_a_name() -> None:
    """A function is named without its arguments as well as with them."""
    ignored = Ignored(("function:audit.*", "extension:*", "*:partman.*"))
    assert ("function", "audit.log(integer)") in ignored
    assert ("extension", '"uuid-ossp"') in ignored
    assert ("table", "partman.part_config") in ignored
    assert ("table", "audit.log") not in ignored
    assert ("function", "public.audit()") not in ignored
