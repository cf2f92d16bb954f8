"""Gathers what diagnoses look at: at a glance, or with throwaway databases. Reads only.

Whatever can't be read is kept as unknown, with the reason; nothing here raises for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ...errors import RunbookError, UnknownRevision
from ...project import reached
from ...project.history import History
from ...project.project import Project
from ...project.reached import Reached
from ...show.render import shorten
from ...targets.settings import Target
from ..evidence import Checkout, Graph, Schema, VersionTable
from ..of_error import sqlstates
from ..situation import NOT_CONNECTED, Names, Refusal, Situation, Unknown
from . import archive, files, git, graph, pending, schema, server, sessions

__all__ = ["Contact", "look", "reach", "waiting"]

T = TypeVar("T")


@dataclass(frozen=True)
class Contact:
    """A target as it was reached, or the refusal that kept it from being reached.

    The revisions are read also without the database; `no_history` holds why they could not be.
    """

    target: Target
    project: Project
    found: Reached | None
    refused: RunbookError | None
    history: History | None
    no_history: RunbookError | None


def reach(target: Target) -> Contact:
    """Connect, and read what can be read. Reads only; never raises for a database that is down."""
    try:
        found = reached.reach(target)
        project = found.project or Project(target, found.identity)
        return Contact(target, project, found, None, found.history, found.no_history)
    except RunbookError as error:
        refused = error.kept()
    project = Project(target)
    try:
        return Contact(target, project, None, refused, project.history, None)
    except RunbookError as error:
        # Without a URL the ini can't be used either, and that is said already.
        same = type(error) is type(refused)
        return Contact(target, project, None, refused, None, None if same else error.kept())


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


def waiting(contact: Contact) -> Any:
    """Who waits for a lock now, and for whom. One connection, two queries. Reads only."""
    return _asked(contact, sessions.waits)


def _asked(contact: Contact, read: Callable[..., T], *given: Any) -> T | Unknown:
    """A reader of the database, on a connection of its own."""
    found = contact.found
    if found is None:
        return NOT_CONNECTED

    def on_connection() -> T:
        with found.connected() as connection:
            return read(connection, *given)

    return known(contact.target, on_connection)


def look(contact: Contact, revision: str = "head", error: str = "", waits: Any = None) -> Situation:
    """Everything that can be read without a throwaway database. Reads only.

    `waits` is what `waiting` gave, where it was asked before.
    """
    target, found = contact.target, contact.found
    checkout = known(target, files.read, contact.project, _failures(contact))
    of_files = Situation(
        names=_names(contact, checkout, revision, error),
        refused=_refusal(contact.refused),
        unreadable=_refusal(contact.no_history),
        env_failed=_refusal(found.no_rows if found else None),
        interrupted=known(target, archive.interrupted, target),
        address=known(target, server.address, contact.project),
        waits=_asked(contact, sessions.waits) if waits is None else waits,
        checkout=checkout,
        graph=_graph(contact),
    )
    if found is None:
        return replace(of_files, git=_git(target, of_files))
    return _of_database(contact, found, of_files)


def _of_database(contact: Contact, found: Reached, so_far: Situation) -> Situation:
    target, table = contact.target, found.version_table
    seen = replace(
        so_far,
        server=_asked(contact, server.server, found.identity, found.pooled),
        transactions=_asked(contact, sessions.transactions),
        prepared=_asked(contact, sessions.prepared),
        runner=_asked(contact, sessions.runners),
        schema=_asked(contact, schema.schema, table),
        sequences=_asked(contact, schema.numbers),
        version=_asked(contact, schema.version, found),
        others=_asked(contact, schema.other_version_tables, table),
        edited=known(target, archive.edited, found),
    )
    seen = replace(seen, git=_git(target, seen))
    return _with_pending(contact, found, seen)


def _names(contact: Contact, checkout: Checkout | Unknown, revision: str, error: str) -> Names:
    target = contact.target
    env_py = None if isinstance(checkout, Unknown) else checkout.env_py
    return Names(
        target=target,
        env_py=env_py.path if env_py else "env.py",
        where=contact.found.identity.where if contact.found else "this database",
        revision=revision,
        error=target.mask(error),
        sqlstates=sqlstates(error),
    )


def _failures(contact: Contact) -> list[RunbookError | None]:
    return [contact.no_history, contact.found.no_rows if contact.found else None]


def _refusal(error: RunbookError | None) -> Refusal | None:
    if error is None:
        return None
    return Refusal(type(error).__name__, error.happened, error.next_step)


def _graph(contact: Contact) -> Graph | Unknown:
    if contact.history is None:
        broken = contact.no_history or contact.refused
        said = broken.happened if broken else "unknown"
        return Unknown(f"the revisions can't be read: {shorten(said, 200)}")
    return known(contact.target, graph.of, contact.target, contact.history)


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


def _with_pending(contact: Contact, found: Reached, seen: Situation) -> Situation:
    graph, read = seen.graph, found.history
    if isinstance(graph, Unknown):
        return replace(seen, pending=graph)
    if read is None or found.rows is None:
        return replace(seen, pending=Unknown("the version rows can't be read"))
    if why := _no_start(found, seen):
        return replace(seen, pending=Unknown(why))
    revision = seen.names.revision
    if len(graph.heads) > 1 and revision == "head":
        revision = "heads"
    try:
        contact.project.way("upgrade", revision, found.rows.ids)
    except UnknownRevision as error:
        return replace(seen, pending=Unknown(error.happened), no_way=_refusal(error))
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(contact.target.mask(str(error)), 200)}"
        return replace(seen, pending=Unknown(why))
    return replace(seen, pending=_asked(contact, pending.read, found, revision))


def _no_start(found: Reached, seen: Situation) -> str:
    """Why it can't be told from which revision a deploy would begin."""
    rows, read = found.rows, found.history
    if rows is None or read is None:
        return "the version rows can't be read"
    if any(id_ not in read for id_ in rows.ids):
        return "the checkout lacks the database's revision"
    tables = not isinstance(seen.schema, Schema) or seen.schema.tables
    return "there is no version table, and there are tables" if tables and not rows.tracked else ""
