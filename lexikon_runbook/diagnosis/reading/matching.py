"""Which revision a database's catalog is that of, proved on throwaway databases.

Every revision is built once, in order, and listed cheaply; the complete catalogs of the most
similar ones are then built and compared. Reads the database only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ...postgres import catalog, connections
from ...postgres.catalog import Catalog, Difference
from ...project.database import Database
from ...project.history import History
from ...rehearsal import throwaway
from ...rehearsal.likeness import Likeness
from ...rehearsal.throwaway import Throwaway
from ...schema import drift, left_out
from ..evidence import Graph
from ..proofs import Match
from . import listing, trial
from .drifted import drifted

PROVED = 3
"""How many of the most similar revisions are compared by complete catalogs, besides the one that
the version row names. Each costs one more build up to it."""

BASE = "base"
OWNER = """
select pg_get_userbyid(c.relowner) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
group by 1 order by count(*) desc, 1 limit 1
"""


@dataclass(frozen=True)
class Live:
    """The database's own schema, complete and listed, and what a throwaway one takes after."""

    catalog: Catalog
    listing: listing.Listing
    wanted: Likeness

    @classmethod
    def of(cls, found: Database) -> Live:
        """Read it. Reads only."""
        with found.connected() as connection:
            table = found.version_table
            wanted = Likeness.of(connection, found.identity, table)
            if found.known_version is None or not found.known_version.tracked:
                owner = connections.first(connections.rows(connection, OWNER))
                wanted = replace(wanted, owner=owner or wanted.owner)
            whole = catalog.read(connection, version_table=table)
            return cls(whole, listing.of(connection, table), wanted)


@dataclass(frozen=True)
class Candidates:
    """The states that a database's schema may be, in the order of the revisions.

    `built` states were listed, on a PostgreSQL of version `on`; `stopped` says why no more.
    """

    live: Live
    states: tuple[str, ...]
    built: int
    on: str
    stopped: str


def candidates(found: Database, history: History, graph: Graph, now: str) -> Candidates | None:
    """Build every revision once and list it; the most similar states. Writes a throwaway database.

    `now` is the state that the version row names, or "". Where a revision fails, those before it
    count. None when env.py ran every revision without an error and nothing of them stayed.
    """
    live = Live.of(found)
    with throwaway.empty(found.target, history, live.wanted) as empty:
        listings, stopped = listing.after_each(empty, graph.order)
        on, kept = empty.identity.version, bool(empty.rows)
    if graph.order and not stopped and not kept:
        return None
    near = _nearest(live, graph, listings, now)
    why = trial.said(stopped) if stopped else ""
    return Candidates(live, tuple(near), len(listings) + 1, on, why)


def match(near: Candidates, differences: Mapping[str, Difference]) -> Match:
    """What the complete comparisons say. Pure."""
    exact = tuple(state for state in differences if not differences[state])
    ranked = sorted(differences, key=lambda state: _size(differences[state]))
    nearest = "" if exact or not ranked else ranked[0]
    left = drifted(differences[nearest]) if nearest else ()
    return Match(exact, nearest, left, near.built, near.on, near.stopped)


@contextmanager
def built(found: Database, history: History, live: Live, state: str) -> Iterator[Throwaway]:
    """A throwaway database at that state. Raises NotBuilt."""
    with throwaway.empty(found.target, history, live.wanted) as empty:
        for id_ in () if state == BASE else state.split(", "):
            empty.upgrade(id_)
        yield empty


def compared(live: Live, empty: Throwaway) -> Difference:
    """How the database differs from a throwaway one, but for what is no drift. Reads only."""
    whole = drift.compare(live.catalog, empty.catalog(), live.wanted.owner, empty.owner)
    return left_out.of(whole, live.catalog, empty.target.ignore)[0]


def state_of(ids: Iterable[str]) -> str:
    """Version rows as one state. Pure."""
    return ", ".join(sorted(ids)) or BASE


def _nearest(live: Live, graph: Graph, listings: Sequence[listing.Listing], now: str) -> list[str]:
    """The states that are most similar by their listing, in the order of the revisions."""
    states = listing.predicted(graph.order, listings, graph.behind)
    states = {BASE: {}, **states}
    if len(graph.heads) > 1 and listings:
        states[state_of(graph.heads)] = listings[-1]
    far = {state: listing.distance(each, live.listing) for state, each in states.items()}
    order = {state: number for number, state in enumerate(states)}
    # Of those that are as similar, the version row's own first, then the newest.
    best = sorted(states, key=lambda state: (far[state], state != now, -order[state]))[:PROVED]
    least = far[best[0]]
    kept = [state for state in best if far[state] == least] if not least else best
    return sorted(kept, key=order.__getitem__)


def _size(difference: Difference) -> int:
    return len(difference.added) + len(difference.removed) + len(difference.changed)
