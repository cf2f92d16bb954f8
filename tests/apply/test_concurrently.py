"""CREATE INDEX CONCURRENTLY: outside of the transaction, patient, and cleaned up after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from projects import FAST, Lines, Project, projects, run
from servers import Database

from lexikon_runbook.apply import env_py_run
from lexikon_runbook.errors import Interrupted, LockTimeout, MigrationFailed, NothingPersisted

Maker = Callable[..., Project]
TWICE = "insert into notes (body) values ('twice'), ('twice')"
BY_HAND = "create unique index concurrently ix_notes_body on notes (body)"


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


def indexes(project: Project) -> dict[str, bool]:
    """The indexes of notes but its primary key, and whether each is valid."""
    rows = project.database.rows(
        "select indexrelid::regclass::text, indisvalid from pg_index"
        " where indrelid = 'notes'::regclass and not indisprimary"
    )
    return dict(rows)


def left_invalid(project: Project) -> None:
    """What a CREATE INDEX CONCURRENTLY by hand left that failed."""
    project.database.execute(TWICE)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        project.database.execute(BY_HAND)
    project.database.execute("delete from notes")
    assert indexes(project) == {"ix_notes_body": False}


def test_an_index_waits_for_a_long_transaction_beyond_the_lock_timeout(project: Maker) -> None:
    """lock_timeout would end the build and leave it INVALID; nobody queues behind it."""
    index = project("concurrent_index")
    index.deploy("ee01")
    old = index.writing("notes")
    seen: list[float] = []

    def leave(line: str) -> None:
        if "waiting for writers" in line:
            seen.append(time.monotonic())
            if seen[-1] > seen[0] + 2 * FAST.lock_timeout_s:
                run(old, "rollback")

    done = index.apply(index.plan(), report=Lines(on_passing=leave))
    assert indexes(index) == {"ix_notes_body": True}
    assert done.current == "ee02"
    (applied,) = done.applied
    assert len(applied.attempts) == 1
    assert applied.duration_s > 2 * FAST.lock_timeout_s
    assert index.roll_back().current == "ee01"
    assert indexes(index) == {}


def test_an_index_that_fails_is_cleared_away(project: Maker) -> None:
    """A unique index over duplicates leaves an INVALID one; the run drops it and says so."""
    index = project("concurrent_index")
    index.deploy("ee01")
    index.database.execute(TWICE)
    with pytest.raises(MigrationFailed) as stop:
        index.deploy()
    assert 'could not create unique index "ix_notes_body" (SQLSTATE 23505)' in stop.value.happened
    assert "nothing of the revision stayed; the database is at ee01" in stop.value.state
    assert indexes(index) == {}
    assert "dropped the invalid index public.ix_notes_body that the try left" in index.report.lasted
    assert "Detail: Key (body)=(twice) is duplicated." in stop.value.happened


def test_an_index_that_cannot_be_cleared_away_is_named(project: Maker) -> None:
    """A long transaction keeps it; the state says so, and the next plan drops it."""
    index = project("concurrent_index")
    index.deploy("ee01")
    index.database.execute(TWICE)
    shown = index.plan()
    reader = index.database.connect()

    def hold(line: str) -> None:
        if "try 1" in line:
            run(reader, "begin; select count(*) from notes")

    with pytest.raises(MigrationFailed) as stop:
        index.apply(shown, report=Lines(on_passing=hold))
    assert "part of the revision is committed" in stop.value.state
    assert "+ index public.ix_notes_body: " in stop.value.state
    assert "INVALID" in stop.value.state
    run(reader, "rollback")
    index.database.execute("delete from notes")
    assert index.deploy().current == "ee02"
    assert indexes(index) == {"ix_notes_body": True}


def test_an_index_left_invalid_earlier_is_shown_and_dropped(project: Maker) -> None:
    """It stands in the plan, and is gone before the first step."""
    index = project("concurrent_index")
    index.deploy("ee01")
    left_invalid(index)
    shown = index.plan()
    assert [i.name for i in shown.invalid] == ["ix_notes_body"]
    assert "the invalid index public.ix_notes_body" in str(shown)
    assert index.apply(shown).current == "ee02"
    assert indexes(index) == {"ix_notes_body": True}
    assert index.report.lasted[-2] == "dropped the invalid index public.ix_notes_body"


def test_an_index_in_the_way_that_somebody_holds_stops_the_run(project: Maker) -> None:
    """Before the first step, with the blocker and the statement that ends it."""
    index = project("concurrent_index")
    index.deploy("ee01")
    left_invalid(index)
    shown = index.plan()
    holder = index.holding("notes")
    with pytest.raises(LockTimeout) as stop:
        index.apply(shown, replace(FAST, statement_timeout_s=0.5))
    assert "the invalid index public.ix_notes_body could not be dropped" in stop.value.happened
    assert f"pid {holder.info.backend_pid} 'reporting'" in stop.value.happened
    assert f"SELECT pg_terminate_backend({holder.info.backend_pid})" in stop.value.next_step
    assert "no revision was begun; the database is at ee01" in stop.value.state


def test_if_not_exists_over_an_invalid_index_is_a_failure(project: Maker) -> None:
    """Plain Alembic stamps the revision and keeps an index that no query uses."""
    index = project("concurrent_if_not_exists")
    index.deploy("aa01")
    left_invalid(index)
    shown = index.plan()
    assert not shown.steps[0].known
    with pytest.raises(NothingPersisted) as stop:
        index.apply(shown)
    assert "its index public.ix_notes_body is INVALID" in stop.value.happened
    assert "the database is at ee02" in stop.value.state
    assert stop.value.next_step == "REINDEX INDEX CONCURRENTLY public.ix_notes_body;"


def test_a_partly_committed_revision_is_not_tried_again(project: Maker) -> None:
    """After its index it gives way to a lock; a second try would fail at the column."""
    parts = project("partly_committed")
    parts.deploy("aa01")
    parts.database.execute("create table tags (name text)")
    parts.holding("tags")
    with pytest.raises(LockTimeout) as stop:
        parts.deploy()
    assert "waited 1 x 0.2 s for ACCESS EXCLUSIVE on public.tags" in stop.value.happened
    assert "part of the revision is committed, and its version is not" in stop.value.state
    assert "+ index public.ix_notes_author" in stop.value.state
    assert "+ column public.notes.author" in stop.value.state
    assert parts.current() == "aa01"


def test_the_lock_timeout_is_back_after_an_index_that_failed(project: Maker) -> None:
    """What follows CONCURRENTLY in the same revision gives way again, error or not."""
    index = project("swallowed_index")
    index.deploy("aa01")
    index.database.execute("create table tags (name text)")
    index.database.execute(TWICE)
    index.holding("tags")
    with pytest.raises(LockTimeout) as stop:
        index.deploy()
    assert "waited 3 x 0.2 s for ACCESS EXCLUSIVE on public.tags" in stop.value.happened
    assert indexes(index) == {}


def test_an_interrupted_index_is_cleared_away(project: Maker) -> None:
    """Ctrl-C while it waits: no INVALID index stays."""
    index = project("concurrent_index")
    index.deploy("ee01")
    shown = index.plan()
    old = index.writing("notes")

    def interrupt(line: str) -> None:
        if "waiting for writers" in line:
            raise KeyboardInterrupt
        if "DROP INDEX" in line:
            run(old, "rollback")

    with pytest.raises(Interrupted) as stop:
        index.apply(shown, report=Lines(on_passing=interrupt))
    assert indexes(index) == {}
    assert index.current() == "ee01"
    assert "interrupted while ee02 ran" in stop.value.happened
    assert "nothing of the revision stayed" in stop.value.state


def test_rows_that_a_try_committed_are_not_written_twice(project: Maker) -> None:
    """The catalog does not show them; the revision's first transaction does."""
    parts = project("rows_committed")
    parts.deploy("aa01")
    parts.database.execute("create table tags (name text)")
    parts.database.execute("insert into notes (body) values ('once')")
    parts.holding("tags")
    with pytest.raises(LockTimeout) as stop:
        parts.deploy()
    assert parts.database.rows("select body from notes") == [("once!",)]
    assert "waited 1 x 0.2 s" in stop.value.happened
    assert "part of the revision is committed (rows, not schema), and its" in stop.value.state
    assert stop.value.next_step.startswith("undo by hand what it committed")
    assert parts.current() == "aa01"


@pytest.mark.parametrize(
    ("sql", "patient"),
    [
        ("CREATE INDEX CONCURRENTLY a ON b (c)", True),
        ("-- for the search\nDROP INDEX /* now */ CONCURRENTLY IF EXISTS a", True),
        ("REINDEX (VERBOSE, CONCURRENTLY) TABLE b", True),
        ("REINDEX SCHEMA CONCURRENTLY app", True),
        ("ALTER TABLE b ADD d int -- and later its INDEX CONCURRENTLY", False),
        ("CREATE INDEX CONCURRENTLY a ON b (c); ALTER TABLE b ADD d int", False),
        ("ALTER TABLE b DETACH PARTITION b1 CONCURRENTLY", False),
    ],
)
def test_only_a_text_of_nothing_else_waits_without_a_limit(sql: str, patient: bool) -> None:
    """A comment or a neighbour does not switch the lock timeout off."""
    assert env_py_run.waits_alone(sql) is patient


def test_an_invalid_index_of_the_same_name_in_another_schema_is_left_alone(
    project: Maker,
) -> None:
    """Another's index, which turns invalid while the revision runs."""
    index = project("concurrent_index")
    index.deploy("ee01")
    index.database.execute("create schema elsewhere; create table elsewhere.notes (body text)")
    index.database.execute(TWICE)
    index.database.execute(TWICE.replace("notes", "elsewhere.notes"))

    def by_somebody_else(line: str) -> None:
        if "try 1" in line:
            with pytest.raises(psycopg2.errors.UniqueViolation):
                index.database.execute(BY_HAND.replace("on notes", "on elsewhere.notes"))

    with pytest.raises(MigrationFailed) as stop:
        index.apply(index.plan(), report=Lines(on_passing=by_somebody_else))
    left = "select relnamespace::regnamespace::text from pg_class where relname = 'ix_notes_body'"
    assert index.database.rows(left) == [("elsewhere",)]
    assert "mend the rows that the server names" in stop.value.next_step
