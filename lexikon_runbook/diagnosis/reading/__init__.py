"""Gathers what diagnoses look at: at a glance, or with throwaway databases. Reads only.

Whatever can't be read is kept as unknown, with the reason; nothing here raises for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from ...errors import RunbookError, UnknownRevision
from ...project.database import Database
from ...show.render import shorten
from ...targets.settings import Target
from ..evidence import Checkout, Graph, Schema, VersionTable
from ..of_error import sqlstates
from ..situation import NOT_CONNECTED, Names, Refusal, Situation, Unknown
from . import archive, files, git, graph, pending, schema, server, sessions

__all__ = ["Contact", "look", "reach", "waiting"]

T = TypeVar("T")


def known(target: Target, read: Callable[..., T], *given: Any) -> T | Unknown:
    """What a reader gives; where it fails, that it is unknown, and why. Reads only."""
    try:
        return read(*given)
    except RunbookError as error:
        return Unknown(shorten(target.mask(error.happened), 300))
    # A reader that fails must not hide what the others found, and it is said that it failed.
    except Exception as error:
        said = shorten(target.mask(str(error)), 200)
        return Unknown(f"{said or 'it could not be read'} ({type(error).__name__})")


def waiting(found: Database) -> Any:
    """Who waits for a lock now, and for whom. One connection, two queries. Reads only."""
    return _asked(found, sessions.waits)


def _asked(found: Database, read: Callable[..., T], *given: Any) -> T | Unknown:
    """A reader of the database, on a connection of its own."""
    if found.known_identity is None:
        return NOT_CONNECTED

    def on_connection() -> T:
        with found.connected() as connection:
            return read(connection, *given)

    return known(found.target, on_connection)


def look(found: Database, revision: str = "head", error: str = "", waits: Any = None) -> Situation:
    """Everything that can be read without a throwaway database. Reads only.

    `waits` is what `waiting` gave, where it was asked before.
    """
    target = found.target
    failures = (found.no_history, found.no_version)
    checkout = known(target, files.read, found.project, failures)
    of_files = Situation(
        names=_names(found, checkout, revision, error),
        refused=_refusal(found.no_connection),
        unreadable=_refusal(found.no_history),
        env_failed=_refusal(found.no_version),
        interrupted=known(target, archive.interrupted, target),
        address=known(target, server.address, found.project),
        waits=_asked(found, sessions.waits) if waits is None else waits,
        checkout=checkout,
        graph=_graph(found),
    )
    if found.known_identity is None:
        return replace(of_files, git=_git(target, of_files))
    return _of_database(found, of_files)


def _of_database(found: Database, so_far: Situation) -> Situation:
    target, table = found.target, found.version_table
    seen = replace(
        so_far,
        server=_asked(found, server.server, found.identity, found.pooled),
        transactions=_asked(found, sessions.transactions),
        prepared=_asked(found, sessions.prepared),
        runner=_asked(found, sessions.runners),
        schema=_asked(found, schema.schema, table),
        sequences=_asked(found, schema.numbers),
        version=_asked(found, schema.version, found),
        others=_asked(found, schema.other_version_tables, table),
        edited=known(target, archive.edited, found),
    )
    seen = replace(seen, git=_git(target, seen))
    return _with_pending(found, seen)


def _names(found: Database, checkout: Checkout | Unknown, revision: str, error: str) -> Names:
    target = found.target
    env_py = None if isinstance(checkout, Unknown) else checkout.env_py
    return Names(
        target=target,
        env_py=env_py.path if env_py else "env.py",
        where=found.identity.where if found.known_identity else "this database",
        revision=revision,
        error=target.mask(error),
        sqlstates=sqlstates(error),
    )


def _refusal(error: RunbookError | None) -> Refusal | None:
    if error is None:
        return None
    return Refusal(type(error).__name__, error.happened, error.next_step)


def _graph(found: Database) -> Graph | Unknown:
    if found.known_history is None:
        broken = found.no_history or found.no_connection
        said = broken.happened if broken else "unknown"
        return Unknown(f"the revisions can't be read: {shorten(said, 200)}")
    return known(found.target, graph.of, found.target, found.known_history)


def _git(target: Target, seen: Situation) -> Any:
    if isinstance(seen.checkout, Unknown):
        return seen.checkout
    return known(target, git.read, target, seen.checkout, _lacking(seen, seen.checkout))


def _lacking(seen: Situation, checkout: Checkout) -> list[str]:
    """Revisions that are named, by a file or by the database, and that no file has."""
    there = {file.id for file in checkout.files}
    rows = seen.version.ids if isinstance(seen.version, VersionTable) else ()
    named = [*rows, *(id_ for f in checkout.files for id_ in (*f.down, *f.depends))]
    return [id_ for id_ in dict.fromkeys(named) if id_ not in there]


def _with_pending(found: Database, seen: Situation) -> Situation:
    graph, read, at = seen.graph, found.known_history, found.known_version
    if isinstance(graph, Unknown):
        return replace(seen, pending=graph)
    if read is None or at is None:
        return replace(seen, pending=Unknown("the version rows can't be read"))
    if why := _no_start(found, seen):
        return replace(seen, pending=Unknown(why))
    revision = seen.names.revision
    if len(graph.heads) > 1 and revision == "head":
        revision = "heads"
    try:
        found.project.way("upgrade", revision, at.ids)
    except UnknownRevision as error:
        return replace(seen, pending=Unknown(error.happened), no_way=_refusal(error))
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(found.target.mask(str(error)), 200)}"
        return replace(seen, pending=Unknown(why))
    return replace(seen, pending=_asked(found, pending.read, found, revision))


def _no_start(found: Database, seen: Situation) -> str:
    """Why it can't be told from which revision a deploy would begin."""
    rows, read = found.known_version, found.known_history
    if rows is None or read is None:
        return "the version rows can't be read"
    if any(id_ not in read for id_ in rows.ids):
        return "the checkout lacks the database's revision"
    tables = not isinstance(seen.schema, Schema) or seen.schema.tables
    return "there is no version table, and there are tables" if tables and not rows.tracked else ""
