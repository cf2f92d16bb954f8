"""Who blocks whom, said so that somebody at three in the morning can end the right session."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg2 import Error
from psycopg2.extensions import connection as Connection
from servers import Database

from lexikon_runbook.postgres import activity


def until(database: Database, sql: str, *params: object) -> None:
    """Wait until a query is true; 20 s at most."""
    deadline = time.monotonic() + 20
    while not database.rows(sql, *params)[0][0]:
        assert time.monotonic() < deadline, f"never true: {sql}"


def session(database: Database, application: str, sql: str) -> Connection:
    """A session that has run some SQL, and stays as that left it."""
    connection = database.connect(application_name=application)
    with connection.cursor() as cursor:
        cursor.execute(sql)
    return connection


@contextmanager
def stuck(database: Database, application: str, sql: str) -> Iterator[int]:
    """A session that waits for a lock in that SQL; gives its process number."""
    connection = database.connect(application_name=application)
    pid = connection.info.backend_pid

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
        except Error as error:
            ends.append(error)

    ends: list[Error] = []
    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(database, "select count(*) > 0 from pg_locks where pid = %s and not granted", pid)
        yield pid
    finally:
        database.execute("select pg_terminate_backend(%s)", pid)
        thread.join()


@pytest.fixture
def terms(database: Database) -> Database:
    """A database with one table of two rows."""
    database.execute(
        "create table terms (id int primary key, name text);"
        "insert into terms values (1, 'lexeme'), (2, 'seme')"
    )
    return database


def test_the_root_of_a_chain_comes_first_and_ending_it_frees_everybody(terms: Database) -> None:
    """A reader that went home is named before those who queue behind it."""
    reporting = session(terms, "reporting", "begin; select id,\n  name from terms")
    root = reporting.info.backend_pid
    watcher = terms.connect()
    with (
        stuck(terms, "deploy", "alter table terms add note text") as deploy,
        stuck(terms, "web", "select count(*) from terms") as web,
    ):
        found = activity.blockers(watcher, web)
        assert [(s.pid, s.application, s.state) for s in found] == [
            (root, "reporting", "idle in transaction"),
            (deploy, "deploy", "active"),
        ]
        assert [s.blocked_by for s in found] == [(), (root,)]
        assert str(found[0]).startswith(f"pid {root} 'reporting' idle in transaction for ")
        assert str(found[0]).endswith(" s: begin; select id, name from terms")
        assert found[0].end_with == f"SELECT pg_terminate_backend({root})"
        terms.execute(found[0].end_with)
        until(terms, "select count(*) = 0 from pg_locks where not granted")
    assert activity.blockers(watcher, web) == ()


def test_all_who_wait_are_listed_with_the_lock_and_who_is_in_the_way(terms: Database) -> None:
    """The longest wait comes first, with the lock in the words of the manual."""
    session(terms, "reporting", "begin; select * from terms")
    watcher = terms.connect()
    with (
        stuck(terms, "deploy", "alter table terms add note text") as deploy,
        stuck(terms, "web", "select count(*) from terms") as web,
    ):
        first, second = activity.waiting(watcher)
        assert (first.session.pid, second.session.pid) == (deploy, web)
        assert (first.lock.mode, first.lock.relation) == ("ACCESS EXCLUSIVE", "public.terms")
        assert (second.lock.mode, second.lock.relation) == ("ACCESS SHARE", "public.terms")
        assert str(first).startswith(f"pid {deploy} 'deploy' waits for ")
        assert " s for ACCESS EXCLUSIVE on public.terms, blocked by pid " in str(first)
        assert [s.application for s in second.blockers] == ["reporting", "deploy"]
    assert activity.waiting(watcher) == ()


def test_a_wait_for_a_row_names_its_table(terms: Database) -> None:
    """PostgreSQL says that a transaction is waited for; people know tables."""
    session(terms, "import", "begin; update terms set name = 'x' where id = 1")
    watcher = terms.connect()
    with stuck(terms, "web", "delete from terms where id = 1") as web:
        found = activity.lock_wait(watcher, web)
        assert found is not None
        assert (found.pid, found.mode, found.relation) == (web, "SHARE", "a row of public.terms")
        assert found.seconds is not None
        assert 0 <= found.seconds < 20
    assert activity.lock_wait(watcher, web) is None


def test_a_wait_for_an_advisory_lock_is_told_as_one(database: Database) -> None:
    """Two runners at once are told apart from a locked table."""
    session(database, "other", "select pg_advisory_lock(7)")
    with stuck(database, "runner", "select pg_advisory_lock(7)") as runner:
        found = activity.lock_wait(database.connect(), runner)
        assert str(found).startswith("waits for ")
        assert str(found).endswith(" for EXCLUSIVE on advisory lock 0/7")


def test_sessions_are_those_of_the_others_in_this_database(database: Database) -> None:
    """Neither the reader itself nor the server's own processes are in the list."""
    watcher = database.connect()
    old = session(database, "old", "begin; select 1")
    new = session(database, "new", "select 2; begin; select 3")
    idle = session(database, "", "select 4")
    found = activity.sessions(watcher)
    assert [s.pid for s in found] == [c.info.backend_pid for c in (old, new, idle)]
    assert [s.state for s in found] == ["idle in transaction", "idle in transaction", "idle"]
    assert [s.query for s in found][2] == "select 4"
    assert found[0].transaction_age is not None
    assert found[2].transaction_age is None
    user = database.rows("select current_user")[0][0]
    assert str(found[2]).startswith(f"pid {idle.info.backend_pid} '{user}' idle for ")
    assert activity.session(watcher, new.info.backend_pid).application == "new"


def test_a_process_that_has_ended_is_no_session(database: Database) -> None:
    """A number that nobody has is answered, and is no error."""
    connection = database.connect()
    assert activity.session(connection, 0) is None
    assert activity.blockers(connection, 0) == ()
    assert activity.lock_wait(connection, 0) is None
    assert activity.progress(connection, 0) is None


def test_a_long_query_is_cut_and_stays_on_one_line(database: Database) -> None:
    """A generated statement of a page does not fill the screen."""
    session(database, "orm", "select\n\t" + ",\n\t".join(["'x'"] * 200))
    (found,) = activity.sessions(database.connect())
    assert str(found).endswith("...")
    assert "\n" not in str(found)
    assert len(str(found)) < 260


def test_a_transaction_that_works_is_not_taken_for_an_idle_one(terms: Database) -> None:
    """How long a transaction is open and how long it has been idle are both told."""
    working = session(terms, "batch", "begin; select pg_sleep(1.1)")
    with working.cursor() as cursor:
        cursor.execute("select 1")
    found = activity.session(terms.connect(), working.info.backend_pid)
    assert ", in a transaction for " in str(found)


def test_what_the_server_hides_is_said_with_the_grant_that_shows_it(terms: Database) -> None:
    """A plain role still learns who blocks it."""
    role = f"{terms.name}_plain"
    terms.execute(f"create role {role}")
    try:
        blocker = session(terms, "reporting", "begin; select 'secret' from terms")
        watcher = session(terms, "watcher", f"set role {role}")
        with stuck(terms, "deploy", "drop table terms") as deploy:
            (found,) = activity.blockers(watcher, deploy)
            assert found.pid == blocker.info.backend_pid
            assert found.query == f"query hidden (GRANT pg_monitor TO {role})"
            assert str(found).endswith(f": query hidden (GRANT pg_monitor TO {role})")
            assert {s.pid for s in activity.sessions(watcher)} >= {found.pid, deploy}
            assert activity.lock_wait(watcher, deploy).relation == "public.terms"
        watcher.close()
    finally:
        terms.execute(f"drop role {role}")


def test_an_index_build_tells_its_phase_and_whom_it_waits_for(terms: Database) -> None:
    """A build that waits for an old writer is not taken for one that works."""
    session(terms, "import", "begin; delete from terms where id = 2")
    watcher = terms.connect()
    with stuck(terms, "deploy", "create index concurrently named on terms (name)") as deploy:
        found = activity.progress(watcher, deploy)
        assert found is not None
        assert (found.done, found.total, found.unit, found.fraction) == (0, 1, "sessions", 0.0)
        assert str(found) == (
            "CREATE INDEX CONCURRENTLY on public.terms: waiting for writers before build, "
            "0% (0 of 1 sessions)"
        )
        (blocker,) = activity.blockers(watcher, deploy)
        assert blocker.application == "import"
    assert activity.progress(watcher, deploy) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.2, "0.0 s"),
        (2.14, "2.1 s"),
        (59.9, "59.9 s"),
        (59.99, "1 min"),
        (14 * 60 + 20, "14 min"),
        (59 * 60 + 40, "1 h 0 min"),
        (3 * 3600 + 4 * 60, "3 h 4 min"),
        (23 * 3600 + 59 * 60 + 50, "1 d 0 h"),
        (2 * 86400 + 5 * 3600, "2 d 5 h"),
    ],
)
def test_an_age_is_told_in_two_units_at_most(seconds: float, words: str) -> None:
    """Fourteen minutes are read faster than 860.214 seconds."""
    assert activity.age(seconds) == words
