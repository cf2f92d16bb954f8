"""One moment of a database: queries in one snapshot, their rows as DataFrames. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from ..errors import NOTHING_CHANGED, ReadFailed
from ..postgres import catalog, connections
from ..postgres.catalog import Catalog
from ..postgres.connections import Connection
from ..project.database import Database
from ..show.render import shorten
from . import frames

T = TypeVar("T")
LOCK_NOT_AVAILABLE = "55P03"
# Joins of common table expressions are taken for tiny, and thousands of indexes are not.
PLANNED = "select set_config('enable_nestloop', 'off', true)"


class Moment:
    """One snapshot of a database; every name comes out qualified."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """What a query returns."""
        return connections.rows(self._connection, sql, params)

    def frame(
        self,
        sql: str,
        types: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> pd.DataFrame:
        """What a query returns, as a DataFrame with these columns and types."""
        return frames.frame(self.rows(sql, params), types, notes)


def at_one(found: Database, work: Callable[[Moment], T]) -> T:
    """Read in one snapshot of the database. Reads only.

    Tries again when other sessions' DDL is in the way. Raises ReadFailed when that, or another
    refusal of the server, does not end.
    """

    def read(connection: Connection) -> T:
        for attempt in range(1, catalog.ATTEMPTS + 1):
            try:
                return _once(connection, work)
            except connections.Error as error:
                if error.pgcode not in catalog.GIVEN_WAY or attempt == catalog.ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    return on_connection(found, read)


def catalog_of(found: Database) -> Catalog:
    """The complete catalog, without the version table. Reads only; raises ReadFailed."""
    return on_connection(found, lambda connection: catalog.read(connection, found.version_table))


def _once(connection: Connection, work: Callable[[Moment], T]) -> T:
    with connections.snapshot(connection):
        connections.rows(connection, catalog.SETTINGS)
        connections.rows(connection, PLANNED)
        return work(Moment(connection))


def on_connection(found: Database, read: Callable[[Connection], T]) -> T:
    """What `read` gives on a new connection. Reads only; raises ReadFailed."""
    try:
        with found.connected() as connection:
            return read(connection)
    except connections.Error as error:
        raise _failed(found, error) from error


def _failed(found: Database, error: connections.Error) -> ReadFailed:
    again = found.target.run("troubleshoot")
    if error.pgcode == LOCK_NOT_AVAILABLE:
        return ReadFailed(
            f"{found.identity.where} could not be read: another session holds an exclusive lock.",
            state=NOTHING_CHANGED,
            next_step=f"{again} names that session.",
        )
    said = shorten(found.target.mask(str(error)), 300) or type(error).__name__
    return ReadFailed(
        f"{found.identity.where} could not be read: {said} ({error.pgcode or 'no SQLSTATE'}).",
        state=NOTHING_CHANGED,
        next_step=f"check that role {found.identity.user} may connect and read the catalogs: "
        f"{again}",
    )
