"""What a statement does to what is there, as it is seen in its own transaction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lock_table import BASE, CASES, Case
from psycopg2.extensions import connection as Connection
from servers import Database

from lexikon_runbook.worker.trace import Trace

# What a query reads besides what it is about, and a foreign key's own look-ups.
QUIET = ("AccessShareLock", "RowShareLock")


@pytest.fixture
def traced(database: Database) -> Iterator[tuple[Connection, Trace]]:
    """A session in a transaction on tables that hold a row, and its trace."""
    database.execute(BASE)
    connection = database.connect()
    connection.autocommit = False
    trace = Trace()
    trace.begin(connection)
    yield connection, trace
    connection.rollback()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql[:60])
def test_locks_rewrites_and_scans_are_those_of_the_manual(
    traced: tuple[Connection, Trace], case: Case
) -> None:
    """Also of tables that the statement does not name."""
    connection, trace = traced
    with connection.cursor() as cursor:
        cursor.execute(case.sql)
    seen = trace.since(connection)
    locks = {name.removeprefix("public."): mode for mode, name in seen["locks"]}
    known = {name: mode for name, mode in locks.items() if name in case.locks}
    assert known == case.locks
    assert {n for n, mode in locks.items() if mode not in QUIET} <= set(case.locks)
    assert [name.removeprefix("public.") for name in seen["rewritten"]] == case.rewrites.split()
    assert set(case.scans.split()) <= {name.removeprefix("public.") for name in seen["scanned"]}


def test_rows_that_a_cascade_deletes_are_seen(traced: tuple[Connection, Trace]) -> None:
    """By the counters of the transaction, in the table that no statement names."""
    connection, trace = traced
    with connection.cursor() as cursor:
        cursor.execute(
            "alter table uses drop constraint uses_word, add constraint uses_word"
            " foreign key (word_id) references words on delete cascade"
        )
        trace.since(connection)
        cursor.execute("delete from words")
    wrote = trace.since(connection)["wrote"]
    assert wrote == {"public.words": [0, 0, 1], "public.uses": [0, 0, 1]}


def test_what_an_earlier_transaction_read_is_not_held_against_a_revision(
    traced: tuple[Connection, Trace],
) -> None:
    """The server's counters of a session go on until it collects them."""
    connection, _ = traced
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from words")
        connection.commit()
        later = Trace()
        later.begin(connection)
        cursor.execute("alter table words add column extra text")
    assert later.since(connection)["scanned"] == []
