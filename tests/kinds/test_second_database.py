"""An env.py that reads a second database besides the target's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from kind import URL, Kind
from servers import Database, Server

from lexikon_runbook.errors import HistoryError, RunbookError, WrongDatabase

Maker = Callable[..., Kind]
REACH = re.compile(r'rehearsal_may_reach = \["([^"]+)"\]')
WAYS_TO_WRITE = (
    "INSERT INTO seen VALUES (1)",
    "SET default_transaction_read_only = off; INSERT INTO seen VALUES (1)",
    "SET TRANSACTION READ WRITE; INSERT INTO seen VALUES (1)",
)


@pytest.fixture
def registry(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """The second database, on the target's own server, and as its role; both are reached by TCP."""
    made = server.create()
    made.execute("create table seen (id integer)")
    monkeypatch.setenv("REGISTRY_URL", made.tcp_url)
    monkeypatch.setenv(URL, database.tcp_url)
    yield made
    assert made.rows("select * from seen") == []
    assert made.rows("select relname from pg_class where relname like 'alembic%%'") == []
    made.drop()


def test_a_second_database_is_refused_as_one(kind: Maker, registry: Database) -> None:
    """With where it is, that it is not the target's, and the key that lets env.py read it."""
    project = kind("reads_a_registry")
    with pytest.raises(WrongDatabase) as stop:
        project.deploy()
    assert f"connects to a second database {registry.name} on 127.0.0.1:" in stop.value.happened
    assert f"besides that of target here (database {project.database.name}" in stop.value.happened
    assert "the runbooks let it reach only the target's" in stop.value.happened
    assert "in [targets.here] of runbook.toml lets env.py read it" in stop.value.next_step
    assert "env_py_variable" not in stop.value.next_step
    assert project.at() == ""


@pytest.mark.parametrize("order", ["first", "last"])
def test_the_advice_lets_env_py_read_it(
    kind: Maker, registry: Database, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a plan is made, a throwaway database is built and a plan runs; it is not the target."""
    monkeypatch.setenv("REGISTRY", order)
    with pytest.raises(RunbookError) as stop:
        kind("reads_a_registry").deploy()
    place = REACH.search(stop.value.next_step)
    assert place is not None
    assert ("If it is a second database" in stop.value.next_step) == (order == "first")
    project = kind("reads_a_registry", rehearsal_may_reach=[place[1]])
    assert project.deploy("aa03").facts["database"]["database"] == project.database.name
    assert project.at() == "aa03"
    drift = project.runbook("inspect_schema", fail_on_drift="true")
    assert drift.returncode == 0, drift.stderr
    project.rollback("aa01")
    assert project.at() == "aa01"


@pytest.mark.parametrize("sql", WAYS_TO_WRITE)
def test_it_is_never_written_to(
    kind: Maker, registry: Database, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses it, whatever env.py says of its session; and says so."""
    place = registry.tcp_url.rpartition("@")[2].partition("/")[0]
    monkeypatch.setenv("REGISTRY_SQL", sql)
    project = kind("reads_a_registry", rehearsal_may_reach=[place])
    with pytest.raises(HistoryError) as stop:
        project.deploy()
    assert re.search("read-only transaction|read-write mode must be set", stop.value.happened)
    assert project.at() == ""


def test_migrations_are_not_run_there(kind: Maker, registry: Database) -> None:
    """An env.py of two databases is told to be made one of targets, and changes neither."""
    place = registry.tcp_url.rpartition("@")[2].partition("/")[0]
    project = kind("migrates_two_databases", rehearsal_may_reach=[place])
    with pytest.raises(HistoryError) as stop:
        project.deploy()
    assert "env.py runs the migrations on a second database" in stop.value.happened
    assert "make that a target of its own" in stop.value.happened
    assert project.at() == ""


def test_one_that_does_not_answer_is_told_as_what_it_is(
    kind: Maker, registry: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a target whose URL env.py does not read."""
    monkeypatch.setenv("REGISTRY_URL", "postgresql://reader:hunter22@127.0.0.1:1/registry")
    with pytest.raises(HistoryError) as stop:
        kind("reads_a_registry", rehearsal_may_reach=["127.0.0.1:1"]).deploy()
    assert "can't connect to 127.0.0.1:1/registry" in stop.value.happened
    assert "rehearsal_may_reach names that place" in stop.value.next_step
    assert "hunter22" not in str(stop.value)
