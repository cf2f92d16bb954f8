"""What may differ from the migrations is left out, and the rest is still told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from kind import TARGET, Kind

from lexikon_runbook.project import database as looked
from lexikon_runbook.schema import drift
from lexikon_runbook.targets.settings import target

Maker = Callable[..., Kind]
PARTITION = (
    "create table clicks_2030 partition of clicks for values from ('2030-01-01') to ('2031-01-01')"
)


def test_partitions_of_a_job_are_no_drift(kind: Maker) -> None:
    """With their indexes, and without a list; a table beside them is drift."""
    project = kind("partitioned_by_a_job")
    project.deploy()
    project.database.execute(PARTITION)
    project.database.execute("create index on clicks_2030 (at)")
    assert _drift(project) == (0, False)
    assert "0 found" in _said(project, "troubleshoot")
    project.database.execute("create table clicks_by_hand (id integer)")
    assert _drift(project, "clicks_by_hand") == (1, True)


def test_what_env_py_leaves_out_is_left_out(kind: Maker) -> None:
    """`include_object` of env.py holds for drift, and for a new revision."""
    project = kind("partitions_left_out")
    project.deploy()
    project.database.execute(PARTITION)
    assert _drift(project) == (0, False)
    project.database.execute("create table by_hand (id integer)")
    assert _drift(project, "by_hand") == (1, True)


# By include_name: a schema, a table, an index. By include_object: a table by its comment, a column
# by its type, another by what its model says of it.
BY_ENV_PY = (
    "create schema partman; create table partman.config (id serial primary key); "
    "create function partman.run() returns int language sql as 'select 1'; "
    "comment on schema partman is 'of a job'",
    "create table dba_sizes (id serial primary key, bytes bigint check (bytes > 0))",
    "create index notes_body_dba on notes (body)",
    "create table queue (id integer primary key); comment on table queue is 'not of alembic'",
    "alter table notes add scan bytea; comment on column notes.scan is 'by a trigger'",
    "alter table tags add note integer",
)


def test_what_env_py_leaves_out_is_no_drift_from_the_migrations(kind: Maker) -> None:
    """`include_name` and `include_object` are asked as Alembic asks them; the number is said."""
    project = kind("left_out_by_env_py")
    project.deploy()
    for sql in BY_ENV_PY:
        project.database.execute(sql)
    said = _card(project)
    assert "Drift against the migrations: none" in said, said
    assert "objects by `include_name` or `include_object` of env.py" in said
    for beside in ("create table by_hand (id integer)", "create index by_hand_ix on notes (body)"):
        project.database.execute(beside)
    shown = _card(project)
    assert "the database adds table by_hand, index by_hand_ix" in shown, shown


def test_what_only_the_migrations_make_is_asked_about_too(kind: Maker) -> None:
    """A table that env.py leaves out is no drift where somebody dropped it; another one is."""
    project = kind("left_out_by_env_py")
    env = project.folder / "env.py"
    env.write_text(env.read_text().replace('"dba_sizes"', '"tags"'))
    project.deploy()
    project.database.execute("drop table tags")
    assert "Drift against the migrations: none" in _card(project)
    project.database.execute("drop table notes")
    assert "removes table notes" in _card(project)


def test_an_include_object_that_raises_is_told_as_what_it_is(kind: Maker) -> None:
    """With its line, its error and what it was asked about; drift is then unknown."""
    project = kind("include_object_raises")
    project.deploy()
    project.database.execute("create table by_hand (id integer)")
    said = _card(project)
    assert "Drift against the migrations: unknown" in said
    assert "env.py:17: include_object of env.py raised KeyError: 'by_hand'" in said
    assert "asked about table by_hand" in said
    assert "mend include_object" in said


@pytest.mark.parametrize("ignore", ["table:public.dba_*", "*:*.dba_*"])
def test_a_table_of_the_administrators_is_left_out(kind: Maker, ignore: str) -> None:
    """With its index, its sequence and its constraint; a table beside it is not."""
    project = kind("plain", ignore=[ignore])
    project.deploy()
    project.database.execute(
        "create table dba_sizes (id serial primary key, bytes bigint check (bytes > 0))"
    )
    assert _drift(project) == (0, False)
    project.database.execute("create table sizes (id integer)")
    assert _drift(project, "sizes") == (1, True)


def test_tables_of_an_extension_are_its_own(kind: Maker) -> None:
    """Neither drift, nor something that a new revision drops."""
    project = kind("models_beside_an_extension")
    project.deploy()
    project.database.execute("create table spatial_systems (id integer primary key, name text)")
    project.database.execute("alter extension plpgsql add table spatial_systems")
    assert _drift(project) == (0, False)
    files = sorted(project.folder.rglob("versions/*.py"))
    ended = project.runbook("create_migration", message="Add what the models gained")
    assert "spatial_systems" not in ended.stdout
    assert sorted(project.folder.rglob("versions/*.py")) == files


def test_models_with_everything_differ_in_nothing(kind: Maker) -> None:
    """A revision made from them, deployed, is neither drift nor a reason for another."""
    project = kind("models_of_everything")
    made = project.runbook("create_migration", message="Create the voyages")
    assert made.returncode == 0, made.stderr
    project.deploy()
    assert _drift(project) == (0, False)
    files = sorted(project.folder.rglob("versions/*.py"))
    again = project.runbook("create_migration", message="Create the voyages again")
    assert again.returncode == 0, again.stderr
    assert sorted(project.folder.rglob("versions/*.py")) == files


def test_a_generated_column_is_written_where_alembic_only_warns(kind: Maker) -> None:
    """It is computed anew by the new expression, a column of the same revision in it, and back."""
    project = kind("models_of_everything")
    project.runbook("create_migration", message="Create the voyages")
    project.deploy()
    speed = "select round(speed, 1) from voyages"
    project.database.execute("insert into voyages (ship, miles, hours) values ('Ida', 90, 10)")
    models = project.folder / "models.py"
    text = models.read_text().replace("nullif(hours, 0)", "nullif(hours - idle, 0)")
    idle = 'Column("idle", Integer, nullable=False, server_default="1"),'
    models.write_text(text.replace('Column("hours"', f'{idle}\n    Column("hours"'))
    ended = project.runbook("create_migration", message="Leave idle hours out of the speed")
    assert ended.returncode == 0, ended.stderr
    assert "speed" in ended.stdout + ended.stderr
    project.deploy()
    assert project.database.rows(speed) == [(Decimal("10.0"),)]
    assert _drift(project) == (0, False)
    project.rollback("-1")
    assert project.database.rows(speed) == [(Decimal("9.0"),)]


def _drift(project: Kind, name: str = "") -> tuple[int, bool]:
    """How `inspect_schema -p fail_on_drift=true` ends, and whether it names that object."""
    ended = project.runbook("inspect_schema", fail_on_drift="true")
    return ended.returncode, bool(name) and name in ended.stdout + ended.stderr


def _card(project: Kind) -> str:
    """The drift against the migrations, as one reads it, in one line."""
    found = looked.reach(target(TARGET, project.folder))
    try:
        return " ".join(str(drift.against_migrations(found)).split())
    finally:
        assert found.project is not None
        found.project.end()


def _said(project: Kind, runbook: str) -> str:
    ended = project.runbook(runbook)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr
