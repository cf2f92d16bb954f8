"""What the database holds now, always read on a new connection. Reads only."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import NothingPersisted, RunbookError
from ..postgres import catalog, connections
from ..project import version
from ..project.database import Database
from ..project.history import named
from ..show.render import Block, Card, Shown, Tone, shorten
from ..targets.settings import Target

SETTLE_S = 60.0
POLL_S = 0.2


def version_rows(found: Database) -> frozenset[str]:
    """The version rows of the database; empty at base."""
    return rows_of(found.target, found.version.table)


def rows_of(target: Target, table: str) -> frozenset[str]:
    """The version rows in that table of a target's database; empty at base."""
    with contextlib.closing(connections.connect(target)) as connection:
        return frozenset(version.held(connection, table) or ())


class Reader:
    """One connection that is kept for reading the version rows of `table` after each revision."""

    def __init__(self, found: Database) -> None:
        self.table = found.version.table
        self._connection = connections.connect(found.target)

    def version_rows(self) -> frozenset[str]:
        """The version rows as they are committed now; empty at base."""
        return frozenset(version.held(self._connection, self.table) or ())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def read_catalog(found: Database) -> catalog.Catalog:
    """The schema of the database."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        return catalog.read(connection, version_table=found.version.table)


def invalid_indexes(found: Database) -> tuple[catalog.InvalidIndex, ...]:
    """The indexes that a failed CREATE INDEX CONCURRENTLY left behind."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        return catalog.invalid_indexes(connection)


def search_path(found: Database) -> tuple[str, ...]:
    """The schemas where names without one are looked up: the version table's, then our own."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        (own,) = connections.rows(connection, "select current_schemas(false)::text[]")[0]
    schema = found.version.table.rpartition(".")[0]
    return (schema, *own) if schema else tuple(own)


def state(found: Database) -> str:
    """Where the database is, as a sentence; says unknown where the read failed."""
    try:
        return f"the database is at {named(version_rows(found))}, read on a new connection."
    except (RunbookError, connections.Error) as error:
        return f"unknown: the database could not be read ({shorten(str(error))})."


def committed(found: Database, transaction: str) -> bool:
    """Whether that transaction is committed; false for one that was never begun."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        status = "select pg_xact_status(nullif(%s, '')::xid8)"
        return bool(connections.rows(connection, status, (transaction,))[0][0] == "committed")


def settled(found: Database, backend_pid: int) -> frozenset[str] | None:
    """The version rows once that session is gone from the server; 0 waits for none.

    None when that could not be seen within a minute.
    """
    deadline, pause, pause_s = time.monotonic() + SETTLE_S, threading.Event(), 0.01
    while True:
        with (
            contextlib.suppress(RunbookError, connections.Error),
            contextlib.closing(connections.connect(found.target)) as connection,
        ):
            alive = "select 1 from pg_stat_activity where pid = %s"
            if not connections.rows(connection, alive, (backend_pid,)):
                return frozenset(version.held(connection, found.version.table) or ())
        if time.monotonic() > deadline:
            return None
        pause.wait(pause_s)
        pause_s = min(POLL_S, pause_s * 2)


@dataclass(frozen=True)
class Verified(Shown):
    """Where the database is, as a new connection read it."""

    rows: str
    catalog: catalog.Catalog | None
    invalid: tuple[str, ...]

    def blocks(self) -> Sequence[Block]:
        indexes = f"INVALID: {', '.join(self.invalid)}" if self.invalid else "all valid"
        lines = [("Version row", self.rows), ("Indexes", indexes)]
        if self.catalog is not None:
            fingerprint = self.catalog.fingerprint[:16]
            lines.append(
                ("Catalog", f"{len(self.catalog.objects)} objects, fingerprint {fingerprint}")
            )
        tone: Tone = "warning" if self.invalid else "good"
        return [Card("Verified on a new connection", lines, tone)]


def verify(found: Database, expected: str, *, changed: bool) -> Verified:
    """Read the version again, and the catalog if anything `changed` it. Reads only.

    Raises NothingPersisted when the version is not the expected one.
    """
    with contextlib.closing(connections.connect(found.target)) as connection:
        rows = named(version.held(connection, found.version.table) or ())
        read = catalog.read(connection, version_table=found.version.table) if changed else None
        invalid = tuple(
            f"{index.schema}.{index.name}" for index in catalog.invalid_indexes(connection)
        )
    if rows != expected:
        raise NothingPersisted(
            f"the database is at {rows}, and this run left it at {expected}.",
            state=f"the database is at {rows}, read on a new connection.",
            next_step=f"another process changed it since: see `{found.target.verb('status')}`.",
        )
    return Verified(rows, read, invalid)


def clock(target: Target) -> str:
    """The database's own time, as ISO 8601. Reads only."""
    with contextlib.closing(connections.connect(target)) as connection:
        return str(connections.rows(connection, "select clock_timestamp()")[0][0].isoformat())
