"""Locks: who is waited for, for how long, and what is said meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from projects import FAST, Lines, Project, projects, run, until
from servers import Database

from lexikon_runbook.errors import LockTimeout

Maker = Callable[..., Project]


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


def test_a_blocked_deploy_changes_nothing_and_names_the_blocker(project: Maker) -> None:
    """A reader idle in its transaction is named, with the statement that ends it."""
    plain = project("plain")
    plain.deploy("aa01")
    blocker = plain.holding("notes")
    pid = blocker.info.backend_pid
    with pytest.raises(LockTimeout) as stop:
        plain.deploy()
    assert "revision aa02 waited 3 x 0.2 s for ACCESS EXCLUSIVE on public.notes" in str(stop.value)
    assert f"Blocked by: pid {pid} 'reporting' idle in transaction" in stop.value.happened
    assert "nothing of the revision stayed; the database is at aa01" in stop.value.state
    assert f"SELECT pg_terminate_backend({pid})" in stop.value.next_step
    assert plain.current() == "aa01"
    assert plain.columns("notes") == "id body"
    tries = [line for line in plain.report.lasted if "gave way" in line]
    assert len(tries) == 2
    assert (
        "try 1 of 3 gave way after 0.2 s waiting for ACCESS EXCLUSIVE on public.notes, "
        in (tries[0])
    )
    assert f"blocked by pid {pid} 'reporting'" in tries[0]
    assert "next in " in tries[0]


def test_the_application_never_waits_longer_than_one_lock_timeout(project: Maker) -> None:
    """A SELECT that queues behind our waiting ALTER is let through at every try's end."""
    plain = project("plain")
    plain.deploy("aa01")
    plain.holding("notes")
    application = plain.database.connect(application_name="application")
    waits, over = [], threading.Event()

    def read_all_the_time() -> None:
        while not over.is_set():
            began = time.monotonic()
            run(application, "select count(*) from notes")
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=read_all_the_time)
    thread.start()
    try:
        with pytest.raises(LockTimeout):
            plain.deploy(policy=replace(FAST, lock_timeout_s=0.3))
    finally:
        over.set()
        thread.join()
    assert 0.1 < max(waits) < 0.3 + 0.3


def test_the_next_try_succeeds_once_the_blocker_has_left(project: Maker) -> None:
    """The blocker leaves between two tries, and the second one is the last."""
    plain = project("plain")
    plain.deploy("aa01")
    blocker = plain.holding("notes")
    report = Lines(on_lasting=lambda line: run(blocker, "rollback"))
    done = plain.apply(plain.plan("aa02"), report=report)
    assert plain.current() == "aa02"
    (applied,) = done.applied
    assert [attempt.error is None for attempt in applied.attempts] == [False, True]
    assert applied.facts()["tries"][0]["sqlstate"] == "55P03"
    assert "'reporting'" in applied.facts()["tries"][0]["blocked_by"][0]
    assert 0.19 < done.longest_wait_s < 0.5


def test_a_deadlock_is_tried_again(project: Maker) -> None:
    """The server chose our session as the victim; the second try has the way to itself."""
    history = project("deadlock")
    history.deploy("aa01")
    history.database.execute("create table tags (name text)")
    shown = history.plan()
    other = history.database.connect(application_name="application")
    # The other waits for more than a deadlock_timeout of ours: so it is we who look first.
    run(other, "set deadlock_timeout = '60s'; begin; insert into tags values ('a')")
    crossing = threading.Thread(
        target=run, args=(other, "insert into notes (body) values ('b'); commit")
    )

    def cross(line: str) -> None:
        if "ACCESS EXCLUSIVE on public.tags" in line and not crossing.ident:
            crossing.start()

    report = Lines(on_passing=cross)
    done = history.apply(shown, replace(FAST, lock_timeout_s=5.0), report)
    crossing.join()
    assert history.current() == "cc01"
    first, second = done.applied[0].attempts
    assert first.failure.sqlstate == "40P01"
    assert second.error is None
    assert "gave way after" in report.lasted[0]
    assert "in a deadlock" in report.lasted[0]


def test_what_is_waited_for_is_said_while_it_lasts(project: Maker) -> None:
    """Statement, time, lock and blocker, in one line that is replaced by the next."""
    plain = project("plain")
    plain.deploy("aa01")
    blocker = plain.holding("notes")
    with pytest.raises(LockTimeout):
        plain.deploy(policy=replace(FAST, lock_attempts=1))
    (line, *_) = [line for line in plain.report.passed if "waiting" in line]
    assert "ALTER TABLE notes ADD COLUMN author TEXT - waiting " in line
    assert "for ACCESS EXCLUSIVE on public.notes, blocked by " in line
    assert f"pid {blocker.info.backend_pid} 'reporting'" in line


def test_a_long_index_build_says_how_far_it_is(project: Maker) -> None:
    """CONCURRENTLY that waits for an old transaction shows its phase and whom it waits for."""
    index = project("concurrent_index")
    index.deploy("ee01")
    old = index.writing("notes")
    shown = index.plan()
    report = Lines()
    thread = threading.Thread(target=index.apply, args=(shown, FAST, report))
    thread.start()
    try:
        said = "waiting for writers before build"
        line = until(lambda: next((x for x in report.passed if said in x), ""), said)
    finally:
        run(old, "rollback")
        thread.join()
    assert "CREATE UNIQUE INDEX CONCURRENTLY ix_notes_body" in line
    assert "CREATE INDEX CONCURRENTLY on public.notes: waiting for writers before build, 0%" in line
    assert f"blocked by pid {old.info.backend_pid} 'importer'" in line
    assert index.current() == "ee02"
