"""How soon troubleshoot names who blocks a migration, on a server with 200 sessions.

Real connections on one server: 150 idle, 48 idle in a transaction, one that holds `terms`
and is idle in its transaction, and a migration that waits for it. Prints the seconds from the
start of `run.diagnose()` to the line that names the blocker, the seconds of the whole
diagnosis, and the first as a ratio to one query by hand (connect, then pg_blocking_pids of
every session), in turn in one run.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from lexikon_runbook.demo import server as demo
from lexikon_runbook.postgres.connections import Connection, Error, connect_url, rows
from lexikon_runbook.runbooks.troubleshoot import Troubleshooting
from lexikon_runbook.targets import settings

PROJECT = Path(__file__).parent.parent
IDLE, IN_TRANSACTION = 150, 48
ROUNDS = 9
TARGET_S = 1.0
VALUES = {"target": "demo", "revision": "head", "error": "", "reason": ""}
BY_HAND = """
select a.pid, a.application_name, a.state, a.query, pg_blocking_pids(a.pid)
from pg_stat_activity a where cardinality(pg_blocking_pids(a.pid)) > 0
"""
WAITS = "select 1 from pg_locks where not granted"


def server() -> str:
    """The demo's server, restarted with room for 300 connections; its URL."""
    with closing(connect_url(demo.start(PROJECT), "write")) as connection:
        rows(connection, "alter system set max_connections = 300")
    demo.stop(PROJECT)
    return demo.start(PROJECT)


@contextmanager
def sessions(url: str) -> Iterator[int]:
    """200 sessions, one of which waits for another; the process number of that other."""
    with ExitStack() as opened:

        def session(sql: str) -> Connection:
            connection = opened.enter_context(closing(connect_url(url, "bench")))
            rows(connection, sql)
            return connection

        for _ in range(IDLE):
            session("select 1")
        for number in range(IN_TRANSACTION):
            session(f"begin; select count(*) from projects where id > '{number}'")
        blocker = session("begin; select count(*) from terms")
        waiting = session("set lock_timeout = 0")

        def migrate() -> None:
            with suppress(Error):
                rows(waiting, "alter table terms add column note text")

        thread = threading.Thread(target=migrate)
        thread.start()
        watch = session("select 1")
        while not rows(watch, WAITS):
            threading.Event().wait(0.01)
        watch.close()
        try:
            yield blocker.info.backend_pid
        finally:
            waiting.cancel()
            thread.join()


def diagnosed(run: Troubleshooting, pid: int) -> tuple[float, float]:
    """Seconds until the blocker is named, and until all of the diagnosis is there."""
    named: list[float] = []
    say = run.display.lasting

    def lasting(line: str) -> None:
        say(line)
        if f"blocked by pid {pid}" in line:
            named.append(time.perf_counter())

    run.display.lasting = lasting  # type: ignore[method-assign]
    began = time.perf_counter()
    found = run.diagnose()
    ended = time.perf_counter()
    first = found.found[0]
    assert first.diagnosis.id == "blocked"
    assert first.remedy.sql == (f"SELECT pg_terminate_backend({pid})",)
    return named[0] - began, ended - began


def by_hand(url: str) -> float:
    """Seconds of one connection and one query."""
    began = time.perf_counter()
    with closing(connect_url(url, "bench")) as connection:
        assert rows(connection, BY_HAND)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print one line a figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{name}/demo"
        try:
            measure(server(), Path(name) / "archive")
        finally:
            demo.stop(PROJECT)


def measure(url: str, archive: Path) -> None:
    """Each round is a run of its own, reached before the clock begins."""
    target = replace(settings.target("demo", PROJECT), archive=archive)
    named, whole, hand = list[float](), list[float](), list[float]()
    with sessions(url) as pid:
        with closing(connect_url(url, "bench")) as connection:
            counted = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
            print(f"sessions: {rows(connection, counted)[0][0] - 1}")
        for _ in range(ROUNDS):
            run = Troubleshooting("troubleshoot", VALUES, target)
            run.reach()
            first, all_ = diagnosed(run, pid)
            named.append(first)
            whole.append(all_)
            hand.append(by_hand(url))
            run.finish()
    met = "met" if max(named) <= TARGET_S else "MISSED"
    print(
        f"blocker named: {statistics.median(named):.3f} s, median of {ROUNDS}; "
        f"first run {named[0]:.3f} s, most {max(named):.3f} s; target {TARGET_S:g} s: {met}"
    )
    print(f"whole diagnosis: {statistics.median(whole):.2f} s, first run {whole[0]:.2f} s")
    ratios = [a / b for a, b in zip(named, hand, strict=True)]
    print(
        f"one query by hand: {statistics.median(hand):.3f} s; "
        f"ratio {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
