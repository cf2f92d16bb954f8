"""One runner at a time per database: an advisory lock on a connection of its own.

The lock is polled, never waited for: a session that waits in pg_advisory_lock holds a
snapshot, and CREATE INDEX CONCURRENTLY would wait for it in turn. It goes with the
connection, so it is released however the process ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import NOTHING_CHANGED, RunnerBusy
from ..facts import Step
from ..targets.settings import Target
from . import activity, connections
from .connections import Connection

KEY = int.from_bytes(hashlib.sha256(b"lexikon-runbook").digest()[:8], "big", signed=True)
APPLYING = "lexikon-runbook apply"
POLL_S = 0.25

# pg_locks shows a bigint key as its two halves (manual, 54.12 pg_locks).
HOLDER = """
select l.pid from pg_locks l
where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
  and l.database = (select oid from pg_database where datname = current_database())
  and ((l.classid::bigint << 32) | l.objid::bigint) = %s
"""
LEFT_BEHIND = """
select pid from pg_stat_activity
where datname = current_database() and application_name = %s and pid <> pg_backend_pid()
"""


class Reporter(Protocol):
    """Where a run says how it goes."""

    def lasting(self, line: str) -> None:
        """A line that stays: a stage, a try, an outcome."""

    def applied(self, line: str, facts: Step) -> None:
        """A revision that is in the database, as a line and as its record keeps it."""

    def passing(self, line: str) -> None:
        """A line that the next one replaces: what is waited for right now."""


@dataclass(frozen=True)
class RunnerLock:
    """The lock, held as long as its connection lives."""

    connection: Connection

    @property
    def held(self) -> bool:
        """Whether it is still there. Reads only."""
        with contextlib.suppress(connections.Error):
            own = (self.connection.info.backend_pid,)
            return own in connections.rows(self.connection, HOLDER, (KEY,))
        return False


@contextlib.contextmanager
def only_runner(target: Target, report: Reporter, wait_s: float) -> Iterator[RunnerLock]:
    """Hold the database's runner lock. Writes nothing; raises RunnerBusy after `wait_s`.

    Also waits for the session of an earlier runner that was killed to be gone.
    """
    connection = connections.connect(target, "runner lock")
    try:
        _acquire(connection, target, report, wait_s)
        yield RunnerLock(connection)
    finally:
        connection.close()


def _acquire(connection: Connection, target: Target, report: Reporter, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    pause = threading.Event()
    held = False
    while True:
        held = held or connections.rows(connection, "select pg_try_advisory_lock(%s)", (KEY,))[0][0]
        other = _other(connection, held)
        if held and other is None:
            return
        holder = activity.session(connection, other) if other else None
        named = str(holder) if holder else "another runner"
        if time.monotonic() > deadline:
            raise _busy(target, named, other)
        what = "the last session of a runner that was killed" if held else "the runner lock"
        report.passing(f"waiting for {what} on {target.name}: {named}")
        pause.wait(POLL_S)


def _other(connection: Connection, held: bool) -> int | None:
    """The process that is in the way: the lock's holder, or a killed runner's last session."""
    if held:
        found = connections.rows(connection, LEFT_BEHIND, (APPLYING,))
    else:
        # As a signed number, since pg_locks' halves are unsigned and the key is not.
        found = connections.rows(connection, HOLDER, (KEY,))
    return int(found[0][0]) if found else None


def _busy(target: Target, named: str, pid: int | None) -> RunnerBusy:
    end = f"; if it hangs: SELECT pg_terminate_backend({pid})" if pid else ""
    return RunnerBusy(
        f"another runner works on target {target.name}: {named}.",
        state=f"this run did not begin; {NOTHING_CHANGED}",
        next_step=f"wait for it, then run again{end}.",
        finding="runner-at-work",
    )
