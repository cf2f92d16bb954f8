"""A shadow: a database with the structure of the target's, as it is now, and none of its rows.

A template of it is kept on the server for throwaway databases, named by the fingerprint of what
it is a shadow of, and copied for each rehearsal. It counts only where reading both finds them
equal.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace

from ..postgres import catalog, connections, structure
from ..postgres.catalog import Catalog, Difference
from ..postgres.connections import Connection
from ..postgres.names import quoted, quoted_name
from ..postgres.structure import NotDumped
from ..project.database import Database
from ..targets import urls
from . import throwaway, throwaway_server
from .likeness import Likeness
from .throwaway import Throwaway

PREFIX, KEPT = "shadow", 4
OURS = f"select datname from pg_database where datname ~ '^{PREFIX}_[0-9a-f]' order by oid desc"
# How an older server words a view is not how a newer one does.
WORDED = ("view", "materialized view", "rule")


class NotRehearsed(Exception):
    """There is no shadow, or nothing ran on it: why, and what would mend it."""

    def __init__(self, why: str, mend: str = "") -> None:
        super().__init__(why)
        self.why, self.mend = why, mend


@contextlib.contextmanager
def template(
    found: Database, server: Connection, url: str, live: Catalog, until: float
) -> Iterator[str]:
    """The name of a template with the structure of that database, made where there is none.

    Kept for the next rehearsal on the embedded server; on one that somebody named it is dropped at
    the end, for what it holds would be in the way there: roles can't be dropped. Reads the target's
    database, writes the server of that URL. `until` is of the monotonic clock. Raises NotRehearsed.
    """
    kept = not found.target.throwaway_url_env
    version = found.identity.version_number // 10000
    name = f"{PREFIX}_{live.fingerprint[:32]}_{version}" if kept else _own_name()
    try:
        if not (kept and _there(server, name)):
            try:
                _make(found, server, url, live, name, until)
            except NotDumped as error:
                raise NotRehearsed(found.target.mask(error.why), error.mend) from None
            _sweep(server, name)
        yield name
    finally:
        if not kept:
            connections.rows(server, f"drop database if exists {quoted_name(name)} with (force)")


def _own_name() -> str:
    """A name that is swept after a kill."""
    return f"{throwaway_server.PREFIX}_{os.getpid()}_{secrets.token_hex(4)}"


@contextlib.contextmanager
def copy(
    found: Database, server: Connection, url: str, wanted: Likeness, name: str
) -> Iterator[Throwaway]:
    """A copy of a template, at the version rows of that database; dropped at the end.

    Writes the server of that URL only.
    """
    at = found.version
    with throwaway.made(
        found.target, found.history, server, url, wanted=wanted, template=name, table=at.table
    ) as there:
        if at.tracked:
            with there.connected() as connection:
                sql = f"insert into {quoted(at.table)} (version_num) select unnest(%s::text[])"
                connections.rows(connection, sql, (list(at.ids),))
        yield there


def _there(server: Connection, name: str) -> bool:
    return bool(connections.rows(server, "select 1 from pg_database where datname = %s", (name,)))


def _make(
    found: Database, server: Connection, url: str, live: Catalog, name: str, until: float
) -> None:
    """Make it under a name that is swept after a kill, and rename it when it is proved."""
    number = found.identity.version_number
    text = structure.dump(found.target.url(), number, max(1.0, until - time.monotonic()))
    made = _own_name()
    throwaway_server.create(found.target, server, made, "template0")
    try:
        there = urls.of_database(url, made)
        with contextlib.closing(connections.connect_url(there, "shadow")) as connection:
            if ("schema", "public") not in live.objects:
                connections.rows(connection, "drop schema public")
            structure.restore(connection, text)
            own = catalog.read(connection, version_table=found.version.table)
        if differs := unlike(live, own):
            raise NotRehearsed(f"the shadow is not equal to the database: {differs.whole()[0]}")
        connections.rows(
            server, f"alter database {quoted_name(made)} rename to {quoted_name(name)}"
        )
    except connections.Error as error:
        if not _there(server, name):  # else another process was faster
            raise NotRehearsed(f"no shadow could be made: {str(error).splitlines()[0]}") from None
    finally:
        connections.rows(server, f"drop database if exists {quoted_name(made)} with (force)")


def unlike(live: Catalog, shadow: Catalog) -> Difference:
    """How a shadow differs from what it is one of, but for the words of views. Pure."""
    differs = catalog.difference(live, shadow)
    changed = tuple(each for each in differs.changed if each.kind not in WORDED)
    return replace(differs, changed=changed)


def _sweep(server: Connection, own: str) -> None:
    """Drop the oldest templates; one that is copied just now stays."""
    there = [row[0] for row in connections.rows(server, OURS) if row[0] != own]
    for name in there[KEPT - 1 :]:
        with contextlib.suppress(connections.Error):
            connections.rows(server, f"drop database if exists {quoted_name(name)}")
