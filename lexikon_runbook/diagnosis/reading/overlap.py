"""What the branches of several heads do, each built on a throwaway database of its own."""

from __future__ import annotations

from types import MappingProxyType

from ...errors import NotBuilt
from ...postgres import catalog
from ...postgres.catalog import Catalog, Change, Difference
from ...project.database import Database
from ...project.history import History
from ...rehearsal import throwaway
from ...rehearsal.likeness import Likeness
from ...rehearsal.throwaway import Throwaway
from ...schema.left_out import NOTES, relation_of
from ..evidence import Branch, Graph
from ..proofs import Overlap

MOST = 4
"""How many branches are built."""


def of(found: Database, history: History, graph: Graph) -> Overlap:
    """Build the common part and each branch on it, then all of them together.

    Writes throwaway databases only, and none when there is one head. Raises NotBuilt when a
    branch alone does not run.
    """
    if len(graph.heads) < 2:
        return Overlap({})
    with found.connected() as connection:
        wanted = Likeness.of(connection, found.identity, found.version_table)
    changes: dict[str, Difference] = {}
    for branch in graph.branches[:MOST]:
        with throwaway.empty(found.target, history, wanted) as empty:
            before = _built(empty, graph)
            changes[branch.head] = catalog.difference(before, _upto(empty, branch))
            if branch is graph.branches[0]:
                together = _together(empty, graph.branches[1:MOST])
    tables = {head: _tables(difference) for head, difference in changes.items()}
    return Overlap(
        MappingProxyType({head: tuple(sorted(names)) for head, names in tables.items()}),
        tuple(sorted(_shared(list(tables.values())))),
        tuple(sorted(_shared([_objects(d) for d in changes.values()]))),
        together,
    )


def _built(empty: Throwaway, graph: Graph) -> Catalog:
    for id_ in graph.common:
        empty.upgrade(id_)
    return empty.catalog()


def _upto(empty: Throwaway, branch: Branch) -> Catalog:
    empty.after_each(branch.revisions, lambda _id, _connection: None)
    return empty.catalog()


def _together(empty: Throwaway, others: tuple[Branch, ...]) -> str:
    """Why the other branches do not run after the first one; "" when they do."""
    try:
        for branch in others:
            _upto(empty, branch)
    except NotBuilt as error:
        return error.happened.partition("on an empty database: ")[2] or error.happened
    return ""


def _shared(sets: list[set[str]]) -> set[str]:
    """What stands in more than one of them."""
    found: set[str] = set()
    for number, one in enumerate(sets):
        for other in sets[number + 1 :]:
            found |= one & other
    return found


def _objects(difference: Difference) -> set[str]:
    return {f"{c.kind} {c.name}" for c in _changes(difference) if c.kind != "columns"}


def _tables(difference: Difference) -> set[str]:
    """The tables that are made, dropped or changed, and other objects by their kind."""
    return {name for change in _changes(difference) if (name := _table(change))}


def _table(change: Change) -> str:
    relation = relation_of(change)
    if change.kind in NOTES:
        return ""
    return f"table {relation}" if relation else f"{change.kind} {change.name}"


def _changes(difference: Difference) -> tuple[Change, ...]:
    return (*difference.added, *difference.removed, *difference.changed)
