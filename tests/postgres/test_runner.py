"""One runner at a time: the others wait, say for whom, and find the work done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from projects import FAST, Lines, Project, projects, run, until
from servers import PROJECT, Database

from lexikon_runbook.errors import Interrupted, RunnerBusy
from lexikon_runbook.postgres import connections as own
from lexikon_runbook.postgres import runner

Maker = Callable[..., Project]
Runner = subprocess.Popen[str]


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


@pytest.fixture
def start() -> Iterator[Callable[..., Runner]]:
    """Starts runners in processes of their own, which have planned and wait for `go`."""
    started: list[Runner] = []

    def runner_of(project: Project, revision: str = "head") -> Runner:
        script = PROJECT / "tests" / "a_runner.py"
        arguments = [sys.executable, str(script), str(project.folder), revision]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True))
        seen(started[-1], "planned")
        return started[-1]

    yield runner_of
    for process in started:
        process.kill()
        process.communicate()


def go(process: Runner) -> None:
    """Let a runner apply what it has planned."""
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def seen(process: Runner, words: str) -> str:
    """Read what a runner says until it says that."""
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was not said:\n{''.join(said)}")


def held(project: Project) -> tuple[own.Connection, int]:
    """The runner lock, held by a session of the test."""
    connection = project.database.connect(application_name="lexikon-runbook runner lock (other)")
    run(connection, f"select pg_advisory_lock({runner.KEY})")
    return connection, connection.info.backend_pid


def test_of_two_runners_one_applies_and_the_other_finds_it_done(
    project: Maker, start: Callable[..., Runner]
) -> None:
    """Both planned the same; neither fails."""
    plain = project("plain")
    both = [start(plain), start(plain)]
    for each in both:
        go(each)
    outcomes = sorted(seen(each, "outcome: ").strip() for each in both)
    assert outcomes == ["outcome: aa04", "outcome: another runner did it in the meantime"]
    assert plain.current() == "aa04"


def test_a_waiting_runner_names_the_holder(project: Maker) -> None:
    """Process and application, while it waits; it begins when the lock is free."""
    plain = project("plain")
    shown = plain.plan()
    holder, pid = held(plain)

    def leave(line: str) -> None:
        if "waiting for the runner lock" in line:
            run(holder, "select pg_advisory_unlock_all()")

    report = Lines(on_passing=leave)
    assert plain.apply(shown, report=report).current == "aa04"
    waited = [line for line in report.passed if "waiting for the runner lock" in line]
    assert f"on test: pid {pid} 'lexikon-runbook runner lock (other)' idle" in waited[0]
    holder.close()


def test_a_runner_gives_up_at_its_deadline(project: Maker) -> None:
    """Nothing was changed; the holder, and how to end it, are named."""
    plain = project("plain")
    shown = plain.plan()
    holder, pid = held(plain)
    with pytest.raises(RunnerBusy) as stop:
        plain.apply(shown, replace(FAST, statement_timeout_s=0.3))
    assert f"another runner works on target test: pid {pid}" in stop.value.happened
    assert stop.value.state == "this run did not begin; nothing was changed."
    assert f"SELECT pg_terminate_backend({pid})" in stop.value.next_step
    assert plain.current() == ""
    holder.close()


def test_a_waiting_runner_can_be_interrupted(project: Maker) -> None:
    """Ctrl-C before the first revision, and the state is read all the same."""
    plain = project("plain")
    shown = plain.plan()
    holder, _ = held(plain)

    def interrupt(line: str) -> None:
        if "waiting for the runner lock" in line:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stop:
        plain.apply(shown, report=Lines(on_passing=interrupt))
    assert "before the first revision" in stop.value.happened
    assert "the database is at base" in stop.value.state
    assert "from the top" in stop.value.next_step
    holder.close()


def test_a_killed_runner_lets_the_next_one_in(project: Maker, start: Callable[..., Runner]) -> None:
    """SIGKILL in the middle of a statement: the lock goes with its session."""
    slow = project("slow")
    slow.deploy("aa01")
    killed = start(slow)
    go(killed)
    seen(killed, "pg_sleep")
    killed.kill()
    killed.wait()
    revision = next((slow.folder / "versions").glob("cc01*"))
    revision.write_text(revision.read_text().replace("pg_sleep(30)", "1"))
    report = Lines()
    done = slow.apply(slow.plan(), report=report)
    assert done.current == "cc01"
    assert slow.columns("notes") == "id body colour"


def test_the_last_session_of_a_killed_runner_is_waited_for(project: Maker) -> None:
    """Its statement may still run on the server: two must not alter at once."""
    plain = project("plain")
    shown = plain.plan()
    left = plain.database.connect(application_name="lexikon-runbook apply")

    def end(line: str) -> None:
        if "the last session of a runner that was killed" in line:
            left.close()

    report = Lines(on_passing=end)
    assert plain.apply(shown, report=report).current == "aa04"
    assert any("the last session of a runner that was killed on test" in x for x in report.passed)


def test_a_waiting_runner_does_not_hold_up_an_index_built_concurrently(
    project: Maker, start: Callable[..., Runner]
) -> None:
    """A session that waits in pg_advisory_lock would deadlock with CREATE INDEX CONCURRENTLY."""
    index = project("concurrent_index")
    index.deploy("ee01")
    old = index.writing("notes")
    first, second = start(index), start(index)
    go(first)
    seen(first, "waiting for writers")
    go(second)
    seen(second, "waiting for the runner lock")
    run(old, "rollback")
    assert seen(first, "outcome: ").strip() == "outcome: ee02"
    assert seen(second, "outcome: ").strip() == "outcome: another runner did it in the meantime"


def test_the_lock_is_one_of_each_database(project: Maker) -> None:
    """A runner on another database of the same server is in nobody's way."""
    plain = project("plain")
    with closing(plain.database.server.connect("postgres")) as elsewhere:
        run(elsewhere, f"select pg_advisory_lock({runner.KEY})")
        assert plain.deploy(policy=replace(FAST, statement_timeout_s=5.0)).current == "aa04"


def test_the_lock_is_free_after_a_run(project: Maker) -> None:
    """Also after one that failed."""
    swallowing = project("swallowed_error")
    with pytest.raises(Exception, match="missing"):
        swallowing.deploy()
    until(
        lambda: swallowing.database.rows("select pg_try_advisory_lock(%s)", runner.KEY)[0][0],
        "the end of the lock",
    )
