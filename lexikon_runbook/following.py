"""Work in a thread, watched from a second connection: what it waits for, how far it is.

Reads only, but for the cancelling of what an interrupted person no longer wants.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import activity, database
from .database import Connection
from .errors import RunbookError
from .render import duration, shorten
from .runner import Reporter
from .settings import Target
from .watch import Watch
from .working import Working

POLL_S = 0.2
CANCEL_S = 10.0


@dataclass
class Waits:
    """What the watching connection has seen of the work's waits for locks."""

    longest_s: float = 0.0
    blockers: tuple[activity.Session, ...] = ()
    waited_for: str = ""


def follow(
    target: Target,
    work: Callable[[], None],
    watch: Watch,
    lock_timeout_s: float,
    report: Reporter,
) -> tuple[Waits, BaseException | None]:
    """Do the work in a thread; what was seen of its waits, and how it failed, if it did.

    A KeyboardInterrupt ends the work first, and is then what it failed with.
    """
    waits, working = Waits(), Working(work, "lexikon-runbook apply")
    # Several looks within one lock_timeout, so that the blocker is seen.
    poll_s = min(POLL_S, lock_timeout_s / 5)
    try:
        working.start()
        working.ended.wait(poll_s)
        while not working.ended.is_set():
            _watch(target, working, watch, waits, report, poll_s)
    except KeyboardInterrupt as interrupt:
        _stop(target, working, watch)
        return waits, interrupt
    return waits, working.error


def _watch(
    target: Target,
    working: Working,
    watch: Watch,
    waits: Waits,
    report: Reporter,
    poll_s: float,
) -> None:
    """Look until the thread ends, or until the server can't be asked: it may be gone."""
    try:
        with contextlib.closing(database.connect(target, "watch")) as connection:
            while not working.ended.wait(poll_s):
                if watch.backend_pid and watch.statement:
                    report.passing(_seen(connection, watch, waits))
    except (RunbookError, database.Error):
        working.ended.wait(POLL_S)


def _seen(connection: Connection, watch: Watch, waits: Waits) -> str:
    elapsed = time.monotonic() - watch.statement_began
    statement = shorten(watch.statement, 90)
    lock = activity.lock_wait(connection, watch.backend_pid)
    progress = activity.progress(connection, watch.backend_pid)
    line = f"{duration(elapsed)}: {statement}" + (f" - {progress}" if progress else "")
    if lock is None:
        return line
    waited_s = lock.seconds or 0.0
    waits.longest_s = max(waits.longest_s, waited_s)
    waits.waited_for = f"{lock.mode} on {lock.relation}"
    waits.blockers = activity.blockers(connection, watch.backend_pid) or waits.blockers
    named = "; ".join(map(str, waits.blockers)) or "a session that has just ended"
    return f"{line} - waiting {duration(waited_s)} for {waits.waited_for}, blocked by {named}"


def _stop(target: Target, working: Working, watch: Watch) -> None:
    """Cancel what runs, and let nothing else begin; end the session when that is not enough."""
    watch.stopped = True
    began = time.monotonic()
    ended = False
    while not working.ended.is_set() and time.monotonic() < began + 2 * CANCEL_S:
        late = time.monotonic() > began + CANCEL_S
        if watch.backend_pid and not ended and (watch.statement or late):
            _signal(target, watch.backend_pid, terminate=late)
            ended = late
        working.ended.wait(POLL_S)


def _signal(target: Target, pid: int, *, terminate: bool) -> None:
    function = "pg_terminate_backend" if terminate else "pg_cancel_backend"
    with (
        contextlib.suppress(RunbookError, database.Error),
        contextlib.closing(database.connect(target, "cancel")) as connection,
    ):
        database.rows(connection, f"select {function}(%s)", (pid,))
