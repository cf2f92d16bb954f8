"""Drops an invalid index that a failed CREATE INDEX CONCURRENTLY left behind. Writes that."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

from ..postgres import catalog, connections
from ..postgres.connections import Connection
from ..postgres.names import quoted
from ..postgres.runner import Reporter
from ..project.limits import Limits
from ..project.seen import FailedStatement
from ..show.render import shorten
from ..targets.settings import Target
from .attempt import LOCK_NOT_AVAILABLE, Attempt
from .watching import POLL_S, Watcher, end_statement

CANCEL_S = 10.0


def drop(target: Target, index: catalog.InvalidIndex, limits: Limits, report: Reporter) -> Attempt:
    """Drop one index CONCURRENTLY. Never raises for what the server says: the Attempt holds it.

    With a lock timeout of 0 it waits, and nobody behind it, as long as a statement may run. On
    KeyboardInterrupt the statement is cancelled, and its end awaited.
    """
    name = quoted(f"{index.schema}.{index.name}")
    sql = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
    watcher, began = Watcher(target, report), time.monotonic()
    with (
        contextlib.closing(connections.connect(target, "write")) as connection,
        contextlib.closing(watcher),
        ThreadPoolExecutor(1, "lexikon-runbook drop") as thread,
    ):
        settings = limits.settings(connection.info.server_version)
        for setting, value in settings.items():
            connections.rows(connection, f"SET {setting} = '{value}'")
        pid = connection.info.backend_pid
        running = thread.submit(connections.rows, connection, sql)
        # Several looks within one lock_timeout, so that the blocker is seen.
        poll_s = min(POLL_S, limits.lock_timeout_s / 5) if limits.lock_timeout_s else POLL_S
        error = _followed(target, running, watcher, (pid, sql, began), poll_s)
    return _attempt(connection, sql, error, watcher, began, limits)


def _followed(
    target: Target,
    running: Future[list[tuple[object, ...]]],
    watcher: Watcher,
    seen: tuple[int, str, float],
    poll_s: float,
) -> BaseException | None:
    try:
        while not wait([running], poll_s).done:
            watcher.look(*seen)
        return running.exception()
    except KeyboardInterrupt as interrupt:
        end_statement(target, seen[0], terminate=False)
        if not wait([running], CANCEL_S).done:
            end_statement(target, seen[0], terminate=True)
        return interrupt


def _attempt(
    connection: Connection,
    sql: str,
    error: BaseException | None,
    watcher: Watcher,
    began: float,
    limits: Limits,
) -> Attempt:
    failures: tuple[FailedStatement, ...] = ()
    if isinstance(error, connections.Error):
        said = error.diag.message_primary or "the connection died"
        failures = (FailedStatement(sql, error.pgcode or "", shorten(said, 400), False),)
    timed_out = any(failure.sqlstate == LOCK_NOT_AVAILABLE for failure in failures)
    waits = watcher.waits
    return Attempt(
        duration_s=time.monotonic() - began,
        waited_s=max(waits.longest_s, limits.lock_timeout_s if timed_out else 0.0),
        statements=(),
        blockers=waits.blockers,
        waited_for=waits.waited_for,
        failures=failures,
        error=error,
        backend_pid=connection.info.backend_pid if not connection.closed else 0,
    )
