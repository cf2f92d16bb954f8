"""An env.py with another driver than ours, or an asynchronous one: Alembic's own templates."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from projects import FAST, Lines, Project, projects
from proxy import proxying
from servers import Database
from sqlalchemy.engine import make_url

import alembic
from lexikon_runbook.errors import (
    Interrupted,
    LockTimeout,
    MigrationFailed,
    TargetUnsuitable,
)

Maker = Callable[..., Project]
TEMPLATES = Path(alembic.__file__).parent / "templates"


@pytest.fixture(params=["generic psycopg", "async psycopg", "async asyncpg"])
def project(
    request: pytest.FixtureRequest,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Maker]:
    """A maker of the projects of tests/histories, with a template's env.py and its driver."""
    template, driver = request.param.split()
    env_py = (TEMPLATES / template / "env.py").read_text()
    scheme = f"postgresql+{driver}:"
    with projects(database, tmp_path, monkeypatch) as maker:

        def make(name: str) -> Project:
            made = maker(name)
            for used in (name, "plain"):  # others take their env.py from it
                (maker(used).folder / "env.py").write_text(env_py)
            return made.with_url(monkeypatch, database.tcp_url.replace("postgresql:", scheme))

        yield make


def test_it_goes_up_and_down_again(project: Maker) -> None:
    """Each revision in a transaction of its own, read back past the driver."""
    plain = project("plain")
    assert plain.deploy().current == "aa04"
    assert plain.current() == "aa04"
    assert plain.roll_back("aa02").current == "aa02"
    assert plain.columns("notes") == "id body author"


def test_an_index_is_built_concurrently(project: Maker) -> None:
    """The autocommit block works through the driver, up and down."""
    index = project("concurrent_index")
    assert index.deploy().current == "ee02"
    valid = "select indisvalid from pg_index where indexrelid = 'ix_notes_body'::regclass"
    assert index.database.rows(valid) == [(True,)]
    assert index.roll_back().current == "ee01"


def test_a_lock_is_not_waited_for_without_end(project: Maker) -> None:
    """The timeouts reach the driver's session, and the blocker is named."""
    plain = project("plain")
    plain.deploy("aa01")
    blocker = plain.holding("notes")
    with pytest.raises(LockTimeout) as stop:
        plain.deploy()
    assert f"Blocked by: pid {blocker.info.backend_pid} 'reporting'" in stop.value.happened
    assert plain.current() == "aa01"


def test_a_statement_that_fails_is_named_with_its_sqlstate(project: Maker) -> None:
    """Whatever class the driver raises."""
    plain = project("plain")
    plain.database.execute("create table tags ()")
    with pytest.raises(MigrationFailed) as stop:
        plain.deploy()
    assert 'revision aa04 failed: relation "tags" already exists (SQLSTATE 42P07)' in (
        stop.value.happened
    )
    assert "nothing of the revision stayed; the database is at aa03" in stop.value.state


def test_an_interrupt_cancels_the_statement(project: Maker) -> None:
    """Ctrl-C while the server works: it ends at once."""
    slow = project("slow")
    slow.deploy("aa01")
    shown = slow.plan()
    ctrl_c = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))

    def interrupt(line: str) -> None:
        if "pg_sleep" in line and not ctrl_c.ident:
            ctrl_c.start()

    began = time.monotonic()
    with pytest.raises(Interrupted):
        slow.apply(shown, report=Lines(on_passing=interrupt))
    assert time.monotonic() < began + FAST.statement_timeout_s / 2
    assert slow.current() == "aa01"


def test_a_pooler_behind_the_driver_is_refused(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each driver tells the process number that it was given; the target's own URL is direct."""
    plain = project("plain")
    url = os.environ[plain.target.url_env]
    address = make_url(url)
    with proxying(str(address.host), int(address.port or 0)) as pooler:
        pooler.pooling = True
        env_py = plain.folder / "env.py"
        leads = (
            f"config.set_main_option('sqlalchemy.url', {pooler.url(url).replace('%', '%%')!r})\n"
        )
        line = "target_metadata = None\n"
        env_py.write_text(env_py.read_text().replace(line, f"{line}{leads}"))
        with pytest.raises(TargetUnsuitable, match="through a connection pooler"):
            plain.check()
