"""Fixtures: one PostgreSQL a session (a worker, under xdist), a fresh database a test."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
from servers import Database, Server

# With a seed, one in so many of the tests in these folders is run; without, all are.
SEED = os.environ.get("RUNBOOK_TEST_SEED", "")
ONE_IN = {
    **{"apply": 2, "headless": 2, "project": 3, "record": 2, "rehearsal": 2, "worker": 2},
    **{"authoring": 4, "diagnosis": 4, "kinds": 8},
}
# A developer's own settings must not lead a test to the developer's own database.
FOREIGN = ("DATABASE_URL", "LEXIKON_RUNBOOK_PROJECT", "LEXIKON_RUNBOOK_DEMO_DIR")


# A shell makes its background jobs, and all that they start, deaf to an interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    sampled = ", ".join(f"one in {n} of tests/{folder}" for folder, n in ONE_IN.items())
    return [servers.describe(), *([f"RUNBOOK_TEST_SEED={SEED}: {sampled}"] if SEED else [])]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: set[pytest.Item] = set()
    for folder, n in ONE_IN.items() if SEED else ():
        there = [i for i in items if i.path.is_relative_to(Path(__file__).parent / folder)]
        left_out |= set(there) - set(random.Random(SEED).sample(there, -(-len(there) // n)))
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database is named by the environment, until a test names one."""
    for name in os.environ:
        if name in FOREIGN or (name.startswith("PG") and not name.startswith("PGSERVER_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL that the header names; failing to start it is a failure."""
    with servers.running() as started:
        yield started


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A fresh, empty database."""
    made = server.create()
    yield made
    made.drop()


@pytest.fixture
def reader(database: Database) -> Iterator[tuple[str, str]]:
    """A role that may connect and nothing else: its name and URL; dropped after the test."""
    name = f"{database.name}_reader"
    database.execute(f"create role {name} login password %s", servers.PASSWORD)
    yield name, database.tcp_url.replace(f"{database.server.role}:", f"{name}:", 1)
    database.execute(f"drop owned by {name}; drop role {name}")


@pytest.fixture
def lexikon(server: Server) -> Iterator[Callable[..., Database]]:
    """A maker of fresh copies of Lexikon's database: `lexikon(revision, data=True)`."""
    made: list[Database] = []

    def copy(revision: str = "b9d0965451a3", data: bool = False) -> Database:
        made.append(server.lexikon(revision, data))
        return made[-1]

    yield copy
    for each in made:
        each.drop()
