"""Connections that die: the truth is found out by reading, or said to be unknown."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from projects import FAST, Lines, Project, projects
from proxy import Proxy, proxying
from servers import Database

from lexikon_runbook.apply import readback
from lexikon_runbook.errors import Interrupted, MigrationFailed, OutcomeUnknown, RunnerBusy
from lexikon_runbook.project.worker import CANCEL_S

Maker = Callable[..., Project]
APPLYING = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


@pytest.fixture
def way(database: Database) -> Iterator[Proxy]:
    """A way to the server that can be cut."""
    address = database.tcp_url.rpartition("@")[2].partition("/")[0]
    host, _, port = address.rpartition(":")
    with proxying(host, int(port)) as proxy:
        yield proxy


def test_a_session_that_was_ended_is_read_back(project: Maker) -> None:
    """pg_terminate_backend in the middle of a statement: not applied, as the database says."""
    slow = project("slow")
    slow.deploy("aa01")

    def end(line: str) -> None:
        if "pg_sleep" in line:
            slow.database.execute(APPLYING, "lexikon-runbook apply")

    with pytest.raises(MigrationFailed) as stop:
        slow.apply(slow.plan(), report=Lines(on_passing=end))
    assert "the connection died during a statement of cc01" in stop.value.happened
    assert "SELECT pg_sleep(30)" in stop.value.happened
    assert "nothing of the revision stayed; the database is at aa01" in stop.value.state
    assert "the server's log" in stop.value.next_step
    assert slow.columns("notes") == "id body"


def test_a_commit_whose_answer_was_lost_is_found_to_be_there(
    project: Maker, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server got COMMIT and the way was cut: the run reads, and goes on."""
    plain = project("plain")
    plain.deploy("aa01")
    cut = plain.with_url(monkeypatch, way.url(plain.database.tcp_url))
    shown = cut.plan("aa03")
    way.cut = "after COMMIT"
    done = cut.apply(shown)
    assert way.cuts == 1
    assert (done.current, plain.current()) == ("aa03", "aa03")
    assert "aa02: the connection died during COMMIT; it is committed" in "\n".join(
        cut.report.lasted
    )


def test_a_commit_that_never_arrived_is_found_to_be_missing(
    project: Maker, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way was cut before COMMIT reached the server: it rolled back."""
    plain = project("plain")
    plain.deploy("aa01")
    cut = plain.with_url(monkeypatch, way.url(plain.database.tcp_url))
    shown = cut.plan("aa03")
    way.cut = "before COMMIT"
    with pytest.raises(MigrationFailed) as stop:
        cut.apply(shown)
    assert way.cuts == 1
    assert plain.current() == "aa01"
    assert "the connection died during COMMIT of aa02" in stop.value.happened
    assert "nothing of the revision stayed; the database is at aa01" in stop.value.state


def test_a_commit_that_is_still_going_on_is_awaited(
    project: Maker, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way was cut while the server worked at COMMIT: reading at once would say no."""
    slow = project("slow_commit")
    slow.deploy("aa01")
    cut = slow.with_url(monkeypatch, way.url(slow.database.tcp_url))
    shown = cut.plan()
    way.cut = "during COMMIT"
    assert cut.apply(shown).current == "cc01"
    assert way.cuts == 1
    assert slow.database.rows("select body from notes") == [("checked",)]


def test_a_server_that_stays_away_leaves_the_outcome_unknown(
    project: Maker, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can say, so the run does not."""
    monkeypatch.setattr(readback, "SETTLE_S", 0.3)
    plain = project("plain")
    plain.deploy("aa01")
    cut = plain.with_url(monkeypatch, way.url(plain.database.tcp_url))
    shown = cut.plan("aa03")
    way.refuse_after_cut = True
    way.cut = "after COMMIT"
    with pytest.raises(OutcomeUnknown) as stop:
        cut.apply(shown)
    assert "the connection died during COMMIT of aa02" in stop.value.happened
    assert stop.value.state.startswith("unknown: revision aa02 is in the database, or not")
    assert "`lexikon-runbook status --target test`" in stop.value.next_step
    assert stop.value.outcome == "unknown"
    assert plain.current() == "aa02"


def test_a_server_that_is_gone_before_the_next_revision_is_no_success(
    project: Maker, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first revision is in, and the state does not claim that nothing changed."""
    monkeypatch.setattr(readback, "SETTLE_S", 0.3)
    plain = project("plain")
    cut = plain.with_url(monkeypatch, way.url(plain.database.tcp_url))
    shown = cut.plan("aa02")

    def go(line: str) -> None:
        if line.startswith("upgrade aa01"):
            way.refusing = True
            way.end()

    with pytest.raises(RunnerBusy) as stop:
        cut.apply(shown, report=Lines(on_lasting=go))
    assert "aa02 was not begun" in stop.value.state
    assert "unknown: the database could not be read" in stop.value.state
    assert plain.current() == "aa01"


def test_a_runner_whose_lock_was_ended_stops(project: Maker) -> None:
    """Without its lock another runner may begin, so the next revision does not."""
    plain = project("plain")

    def end(line: str) -> None:
        if line.startswith("upgrade aa01"):
            plain.database.execute(APPLYING, "lexikon-runbook runner lock")

    with pytest.raises(RunnerBusy, match="the runner lock was lost") as stop:
        plain.apply(plain.plan(), report=Lines(on_lasting=end))
    assert "aa02 was not begun; the database is at aa01" in stop.value.state
    assert "run again from the top" in stop.value.next_step


def test_an_interrupted_statement_is_cancelled_and_the_state_read(project: Maker) -> None:
    """Ctrl-C while a statement runs: it ends at once, and nothing of it stays."""
    slow = project("slow")
    slow.deploy("aa01")
    shown = slow.plan()
    ctrl_c = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))

    def interrupt(line: str) -> None:
        if "pg_sleep" in line and not ctrl_c.ident:
            ctrl_c.start()

    began = time.monotonic()
    with pytest.raises(Interrupted) as stop:
        slow.apply(shown, report=Lines(on_passing=interrupt))
    assert time.monotonic() < began + FAST.statement_timeout_s / 2
    assert "interrupted while cc01 ran; its statement was cancelled" in stop.value.happened
    assert "the database is at aa01" in stop.value.state
    assert "from the top" in stop.value.next_step
    assert slow.columns("notes") == "id body"
    running = "select count(*) from pg_stat_activity where query like 'SELECT pg_sleep%%'"
    assert slow.database.rows(running + " and state = 'active'") == [(0,)]


def test_an_interrupt_stops_a_revision_between_its_statements(project: Maker) -> None:
    """A hundred thousand short statements, and every error of theirs is caught."""
    rows = project("row_by_row")
    rows.deploy("aa01")
    shown = rows.plan()

    def interrupt(line: str) -> None:
        if "INSERT INTO notes" in line:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(Interrupted):
        rows.apply(shown, replace(FAST, statement_timeout_s=60), Lines(on_passing=interrupt))
    assert time.monotonic() < began + CANCEL_S
    assert rows.current() == "aa01"
    assert rows.database.rows("select count(*) from notes") == [(0,)]
