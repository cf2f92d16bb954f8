"""Troubleshoot on the sessions of a database: who waits, for whom, and who would be waited for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import projects
import psycopg2
import pytest
from diagnosing import Patient, patients
from projects import run, until
from servers import Database

from lexikon_runbook.diagnosis import of_sessions
from lexikon_runbook.diagnosis.evidence import Pending
from lexikon_runbook.diagnosis.reading import sessions
from lexikon_runbook.postgres import runner

Maker = Callable[..., Patient]
ALTER = "alter table notes add column title text"
WAITS = "select 1 from pg_locks where not granted and locktype <> 'advisory'"


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def stuck(patient: Maker) -> Iterator[Patient]:
    """A migration that waits for a session called reporting, until that is ended."""
    made = patient("sound", at="aa03")
    made.project.holding("notes")
    altering = made.database.connect(application_name="alembic")
    thread = threading.Thread(target=run, args=(altering, ALTER))
    thread.start()
    until(lambda: made.database.rows(WAITS), "a migration that waits")
    yield made
    made.database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'reporting'"
    )
    thread.join()


def ending(connection: Any, sql: str) -> threading.Thread:
    """Run a statement in a thread, until somebody ends its session."""

    def work() -> None:
        with contextlib.suppress(psycopg2.OperationalError):
            run(connection, sql)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_migration_that_waits_names_who_is_in_the_way(stuck: Patient) -> None:
    """Ending the one that is named lets it go on."""
    found = stuck.diagnosed()
    trouble = found.found[0]
    assert trouble.diagnosis.id == "blocked"
    assert (trouble.severity, trouble.likelihood) == ("danger", "certain")
    assert "'alembic' waits for" in trouble.evidence
    assert "ACCESS EXCLUSIVE on public.notes, blocked by pid" in trouble.evidence
    assert "'reporting' idle in transaction" in trouble.evidence
    (sql,) = trouble.remedy.sql
    assert sql.startswith("SELECT pg_terminate_backend(")
    stuck.mend(trouble)
    until(lambda: "title" in stuck.project.columns("notes"), "the column")
    assert stuck.healthy("blocked")


def test_the_error_that_was_seen_comes_first_in_any_language(stuck: Patient) -> None:
    """By the SQLSTATE, or by the driver's class of that name; the wording does not count."""
    for error in ("(psycopg2.errors.LockNotAvailable) FEHLER: Sperre", "SQLSTATE 55P03"):
        found = stuck.diagnosed(error=error)
        assert found.found[0].diagnosis.id == "blocked"
        assert found.found[0].explains
        means = next(t for t in found.found if t.diagnosis.id == "pasted-error")
        assert "55P03 lock_not_available" in means.evidence
    assert not stuck.diagnosed(error="canceling statement due to lock timeout").found[0].explains


def test_a_wait_that_no_lock_timeout_ends_is_named(
    stuck: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From ten seconds on; here from the first. A new session then has a short one."""
    assert stuck.healthy("lock-timeout-long")
    monkeypatch.setattr(of_sessions, "LONG_WAIT_S", 0.0)
    trouble = stuck.trouble("lock-timeout-long")
    assert "'alembic' waits for" in trouble.evidence
    stuck.mend(trouble)
    with closing(stuck.database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("show lock_timeout")
        assert cursor.fetchone() == ("2s",)


def test_a_row_that_an_application_waits_for_is_a_warning(patient: Maker) -> None:
    """No migration waits: it is the application's own affair, and told all the same."""
    made = patient("sound", at="aa03")
    made.database.execute("insert into notes values (1, 'a')")
    holder = made.database.connect()
    run(holder, "begin; update notes set body = 'b'")
    writer = made.database.connect(application_name="writer")
    thread = threading.Thread(target=run, args=(writer, "update notes set body = 'c'"))
    thread.start()
    until(lambda: made.database.rows(WAITS), "a writer that waits")
    assert made.trouble("blocked").severity == "warning"
    assert made.healthy("lock-timeout-long")
    run(holder, "rollback")
    thread.join()


def test_a_long_lock_timeout_of_the_role_is_named(patient: Maker) -> None:
    """With the role and the database in the SQL that shortens it."""
    made = patient("sound", at="aa03")
    name = made.database.name
    made.database.execute(f"alter role postgres in database {name} set lock_timeout = '30s'")
    trouble = made.trouble("lock-timeout-long")
    assert trouble.evidence == "a new session of postgres gets lock_timeout = 30 s"
    assert trouble.remedy.sql == (
        f"ALTER ROLE postgres IN DATABASE {name} SET lock_timeout = '2s'",
    )
    made.mend(trouble)
    assert made.healthy("lock-timeout-long")


def test_a_short_statement_timeout_of_the_role_is_a_note(patient: Maker) -> None:
    """It cuts off a migration that plain alembic runs."""
    made = patient("sound", at="aa03")
    name = made.database.name
    made.database.execute(f"alter role postgres in database {name} set statement_timeout = '5s'")
    trouble = made.trouble("statement-timeout-short", error="57014")
    assert trouble.severity == "note"
    assert trouble.explains
    made.mend(trouble)
    assert made.healthy("statement-timeout-short")


def test_an_open_transaction_is_certain_when_a_pending_revision_needs_its_table(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And likely when it does not; five seconds of idleness are allowed."""
    made = patient("sound", at="aa01")
    made.project.holding("notes")
    assert made.healthy("open-transaction")
    monkeypatch.setattr(sessions, "IDLE_S", 0.0)
    trouble = made.trouble("open-transaction")
    assert "'reporting' idle in transaction" in trouble.evidence
    assert trouble.evidence.endswith(", and holds public.notes; aa02 needs it")
    assert trouble.likelihood == "certain"
    assert "idle_in_transaction_session_timeout = '10min'" in trouble.remedy.sql[1]
    made.mend(trouble)
    assert made.healthy("open-transaction")
    made.project.deploy("aa03")
    made.project.holding("notes")
    seen = made.seen()
    assert isinstance(seen.pending, Pending)
    assert seen.pending.touched == ()
    assert made.trouble("open-transaction").likelihood == "likely"


def test_a_transaction_that_works_for_long_is_named(
    patient: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a minute on; here from the first moment."""
    made = patient("sound", at="aa01")
    monkeypatch.setattr(sessions, "LONG_S", 0.0)
    worker = made.database.connect(application_name="report")
    thread = ending(worker, "do $$ begin perform from notes; perform pg_sleep(60); end $$")
    active = "select 1 from pg_stat_activity where wait_event = 'PgSleep' and state = 'active'"
    until(lambda: made.database.rows(active), "a session at work")
    trouble = made.trouble("open-transaction")
    assert "'report' active" in trouble.evidence
    assert "public.notes" in trouble.evidence
    made.mend(trouble)
    thread.join()
    assert made.healthy("open-transaction")


def test_a_prepared_transaction_is_rolled_back_by_its_name(patient: Maker) -> None:
    """Also one whose name holds a quote. (The tests' server allows prepared transactions.)"""
    made = patient("sound", at="aa03")
    with closing(made.database.connect()) as connection:
        run(connection, "begin; lock table notes; prepare transaction 'it''s forgotten'")
    trouble = made.trouble("prepared-transaction")
    assert trouble.remedy.sql == ("ROLLBACK PREPARED 'it''s forgotten'",)
    made.mend(trouble)
    assert made.healthy("prepared-transaction")


def test_the_lock_of_another_runner_is_named_with_its_session(patient: Maker) -> None:
    """Ending the session gives the lock back."""
    made = patient("sound", at="aa03")
    with runner.only_runner(made.project.target, projects.Lines(), 1.0):
        trouble = made.trouble("runner-at-work")
        assert "'lexikon-runbook runner lock' idle" in trouble.evidence
        made.mend(trouble)
        until(lambda: made.healthy("runner-at-work"), "the end of its session")
