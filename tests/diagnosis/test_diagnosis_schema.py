"""Troubleshoot on the schema, and on what this role may do in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest
from diagnosing import Patient, patients
from projects import run, until
from servers import Database

Maker = Callable[..., Patient]


@pytest.fixture
def patient(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with patients(database, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def stranger(patient: Maker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    """A project whose role owns nothing and is a member of nothing."""
    made = patient("sound", at="aa01")
    role = f"stranger_{made.database.name}"
    with closing(made.database.connect()) as owner:
        run(owner, f"create role {role} login password 'long-enough'")
        port = made.database.server.arguments["port"]
        url = f"postgresql+psycopg2://{role}:long-enough@127.0.0.1:{port}/{made.database.name}"
        yield Patient(made.project.with_url(monkeypatch, url))
        run(owner, f"drop owned by {role}; drop role {role}")


def test_rights_that_are_missing_are_granted_one_by_one(stranger: Patient) -> None:
    """Reading and writing the version table, creating tables, altering them; then it deploys."""
    role = f"stranger_{stranger.database.name}"
    trouble = stranger.trouble("version-not-readable", error="42501")
    assert trouble.explains
    assert trouble.evidence == f"{role} may not read alembic_version, which belongs to postgres"
    assert stranger.healthy("env-py-fails")
    stranger.database.execute(f"grant select on alembic_version to {role}")
    trouble = stranger.trouble("version-not-writable")
    assert trouble.remedy.sql == (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO {role}",
    )
    stranger.mend(trouble)
    assert stranger.healthy("version-not-writable")
    trouble = stranger.trouble("create-not-allowed")
    assert trouble.evidence.startswith(f"{role} may not create anything in schema public")
    stranger.mend(trouble)
    assert stranger.healthy("create-not-allowed")
    trouble = stranger.trouble("not-owner")
    assert trouble.evidence == (
        f"aa02 alters public.notes, which belongs to postgres, and {role} is not a member of "
        "that role"
    )
    stranger.mend(trouble)
    assert stranger.healthy("not-owner")
    stranger.project.deploy()
    assert stranger.project.current() == "aa04"


def test_a_search_path_that_leads_nowhere_is_mended(patient: Maker) -> None:
    """New tables would have no place."""
    made = patient("sound", at="aa03")
    name = made.database.name
    made.database.execute(f"alter role postgres in database {name} set search_path = nowhere")
    trouble = made.trouble("no-schema")
    assert trouble.remedy.sql == (
        f"ALTER ROLE postgres IN DATABASE {name} SET search_path = public",
    )
    made.mend(trouble)
    assert made.healthy("no-schema")


def test_sessions_that_begin_read_only_are_named(patient: Maker) -> None:
    """A database that somebody closed for writing."""
    made = patient("sound", at="aa03")
    name = made.database.name
    made.database.execute(f"alter database {name} set default_transaction_read_only = on")
    trouble = made.trouble("read-only-sessions", error="psycopg.errors.ReadOnlySqlTransaction")
    assert trouble.explains
    with closing(made.database.connect()) as connection:
        run(connection, "set default_transaction_read_only = off")
        run(connection, trouble.remedy.sql[0])
    assert made.healthy("read-only-sessions")


def test_an_invalid_index_is_dropped_and_one_being_built_is_left(patient: Maker) -> None:
    """The command is CONCURRENTLY, in the index's own schema."""
    made = patient("sound", at="aa03")
    made.database.execute("insert into notes values (1, 'a'), (2, 'a')")
    with suppress(psycopg2.errors.UniqueViolation):
        made.database.execute("create unique index concurrently once on notes (body)")
    trouble = made.trouble("invalid-index")
    assert trouble.severity == "warning"
    assert trouble.remedy.sql == ('DROP INDEX CONCURRENTLY "public"."once"',)
    made.mend(trouble)
    assert made.healthy("invalid-index")
    made.project.writing("notes")
    building = made.database.connect()
    thread = threading.Thread(
        target=run, args=(building, "create index concurrently ix_body on notes (body)")
    )
    thread.start()
    until(lambda: made.database.rows("select 1 from pg_index where not indisvalid"), "an index")
    trouble = made.trouble("invalid-index")
    assert trouble.severity == "note"
    ((phase, *_),) = made.database.rows(trouble.remedy.sql[0])
    assert phase.startswith("waiting for")
    made.database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'importer'"
    )
    thread.join()
    assert made.healthy("invalid-index")


def test_a_constraint_that_was_never_checked_is_validated(patient: Maker) -> None:
    """A note: it holds for new rows."""
    made = patient("sound", at="aa03")
    made.database.execute("alter table notes add constraint long check (body > '') not valid")
    trouble = made.trouble("constraint-not-validated")
    assert trouble.remedy.sql == ("ALTER TABLE public.notes VALIDATE CONSTRAINT long",)
    made.mend(trouble)
    assert made.healthy("constraint-not-validated")


def test_a_sequence_that_nobody_could_read_is_not_ruled_out(patient: Maker) -> None:
    """The session that changes it is named; another one near its end is told all the same."""
    made = patient("sound", at="aa03")
    made.database.execute("create sequence own; select setval('notes_id_seq', 1900000000)")
    changing = made.database.connect()
    changing.autocommit = False
    changing.cursor().execute("alter sequence own increment by 2")
    found = made.diagnosed()
    (unknown,) = [each for each in found.unchecked if each.diagnosis.id == "sequence-near-end"]
    assert unknown.why == f"public.own: pid {changing.info.backend_pid} holds a lock on it"
    assert "sequence-near-end" in [trouble.diagnosis.id for trouble in found.found]
    changing.rollback()
    assert "sequence-near-end" not in [each.diagnosis.id for each in made.diagnosed().unchecked]


def test_a_sequence_that_this_role_may_not_read_is_not_ruled_out(stranger: Patient) -> None:
    """The GRANT that is printed lets it be seen."""
    role, id_ = f"stranger_{stranger.database.name}", "sequence-near-end"
    (unknown,) = [e for e in stranger.diagnosed().unchecked if e.diagnosis.id == id_]
    sequence = "public.notes_id_seq"
    assert unknown.why == f"{sequence}: GRANT USAGE ON SEQUENCE {sequence} TO {role}"
    stranger.database.execute(unknown.why.partition(": ")[2])
    assert stranger.healthy(id_)


def test_a_sequence_near_its_end_is_widened_with_its_column(patient: Maker) -> None:
    """Danger at the very end; the column that it fills is named."""
    made = patient("sound", at="aa03")
    assert made.healthy("sequence-near-end")
    made.database.execute("select setval('notes_id_seq', 1900000000)")
    trouble = made.trouble("sequence-near-end")
    assert trouble.severity == "warning"
    assert "is at 1,900,000,000 of 2,147,483,647 (88 %), which fills public.notes.id" in (
        trouble.evidence
    )
    made.database.execute("select setval('notes_id_seq', 2147483647)")
    trouble = made.trouble("sequence-near-end", error="2200H")
    assert trouble.severity == "danger"
    made.mend(trouble)
    assert made.healthy("sequence-near-end")
    made.database.execute("insert into notes (body) values ('more')")
