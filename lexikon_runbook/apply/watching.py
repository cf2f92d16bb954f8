"""What a session waits for and how far it is, seen from a second connection.

Reads only, but for the cancelling of what an interrupted person no longer wants.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from ..errors import RunbookError
from ..postgres import activity, connections
from ..postgres.connections import Connection
from ..postgres.runner import Reporter
from ..show.render import duration, shorten
from ..targets.settings import Target

POLL_S = 0.2


@dataclass
class Waits:
    """What the watching connection has seen of a revision's waits for locks."""

    longest_s: float = 0.0
    blockers: tuple[activity.Session, ...] = ()
    waited_for: str = ""


@dataclass
class Watcher:
    """A second connection, opened when there is something to look at."""

    target: Target
    report: Reporter
    waits: Waits = field(default_factory=Waits)
    _connection: Connection | None = None

    def look(self, pid: int, statement: str, began: float) -> None:
        """Tell what that session's statement waits for, since `began` of the monotonic clock.

        A server that can't be asked may be gone: nothing is told then.
        """
        if not pid or not statement:
            return
        try:
            if self._connection is None:
                self._connection = connections.connect(self.target, "watch")
            self.report.passing(self._seen(self._connection, pid, statement, began))
        except (RunbookError, connections.Error):
            self.close()

    def _seen(self, connection: Connection, pid: int, statement: str, began: float) -> str:
        elapsed, waits = time.monotonic() - began, self.waits
        lock = activity.lock_wait(connection, pid)
        progress = activity.progress(connection, pid)
        line = f"{duration(elapsed)}: {shorten(statement, 90)}" + (
            f" - {progress}" * bool(progress)
        )
        if lock is None:
            return line
        waited_s = lock.seconds or 0.0
        waits.longest_s = max(waits.longest_s, waited_s)
        waits.waited_for = f"{lock.mode} on {lock.relation}"
        waits.blockers = activity.blockers(connection, pid) or waits.blockers
        named = "; ".join(map(str, waits.blockers)) or "a session that has just ended"
        return f"{line} - waiting {duration(waited_s)} for {waits.waited_for}, blocked by {named}"

    def close(self) -> None:
        """Close the connection; the next look opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def end_statement(target: Target, pid: int, *, terminate: bool) -> None:
    """Cancel what a session runs, or end the session. A server that can't be asked is let be."""
    function = "pg_terminate_backend" if terminate else "pg_cancel_backend"
    with (
        contextlib.suppress(RunbookError, connections.Error),
        contextlib.closing(connections.connect(target, "cancel")) as connection,
    ):
        connections.rows(connection, f"select {function}(%s)", (pid,))
