"""Two databases, or two moments of one: which object stands where only, in words. Reads only."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..demo import server
from ..errors import NOTHING_CHANGED, ParameterError
from ..postgres.catalog import Catalog, Difference
from ..project import database
from ..project.database import Database
from ..rehearsal.likeness import Likeness
from ..show.render import Block, Card, Line, Shown, Tone
from ..targets import settings
from . import drift, snapshot
from .moment import catalog_of, on_connection


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a whole catalog, whose it is, and what it is called."""

    name: str
    at: str
    owner: str
    catalog: Catalog

    def __str__(self) -> str:
        return f"{self.name}, at {self.at}"


@dataclass(frozen=True)
class Comparison(Shown):
    """What one side has and the other has not; `other` is None where nothing was asked for.

    `difference` reads from the other side to this one: what is added stands on this one only.
    """

    this: str
    other: str | None = None
    difference: Difference | None = None

    def blocks(self) -> Sequence[Block]:
        if self.other is None or self.difference is None:
            ask = "set `compare_to` to a target, or to the catalog.json of an earlier run"
            return [Card("Compare: not asked for", [("To compare", ask)])]
        same = not self.difference
        tone: Tone = "good" if same else "warning"
        lines = [("This", self.this), ("The other", self.other)]
        if same:
            return [Card("Compare: the same schema", lines, tone)]
        lines.append(("In short", f"this one, seen from the other, {self.difference.summary()}"))
        legend = f"+ stands in {self.this} only. - stands in {self.other} only. ~ differs."
        return [Card("Compare: they differ", lines, tone), *self.difference.blocks(), Line(legend)]


def side_of(found: Database, catalog: Catalog | None = None) -> Side:
    """A database as one side. Reads only; raises ReadFailed."""
    wanted = on_connection(
        found,
        lambda connection: Likeness.of(connection, found.identity, found.version_table),
    )
    name = f"{found.target.name} ({found.identity.where})"
    return Side(name, found.at, wanted.owner, catalog or catalog_of(found))


def against(wanted: str, found: Database, catalog: Catalog) -> Comparison:
    """A database, its catalog read before, against a target or an archived catalog. Reads only.

    Without `wanted` nothing is compared. Raises ParameterError for a name that nothing has,
    SnapshotUnusable, and what reading a target raises. Starts the demo, if that is the target.
    """
    this, target = side_of(found, catalog), found.target
    if not wanted:
        return Comparison(str(this))
    if wanted in settings.targets(target.project):
        other = settings.target(wanted, target.project)
        server.wake(other)
        return compare(this, side_of(database.reach(other)))
    file = snapshot.find(wanted, target.project, target.archive)
    if file is None:
        raise _nothing(wanted, target.project)
    kept = snapshot.read(file)
    safe = replace(this, catalog=snapshot.masked(this.catalog, target.mask))
    return compare(safe, Side(str(kept), kept.at, kept.owner, kept.catalog))


def compare(this: Side, other: Side) -> Comparison:
    """The complete catalogs, whoever owns the one and the other. Pure."""
    difference = drift.compare(this.catalog, other.catalog, this.owner, other.owner)
    return Comparison(str(this), str(other), difference)


def _nothing(name: str, project: Path) -> ParameterError:
    known = list(settings.targets(project))
    near = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return ParameterError(
        f"compare_to {name!r} is no target, no snapshot and no record.{hint}",
        state=NOTHING_CHANGED,
        next_step=f"name a target ({', '.join(known)}), the catalog.json or the folder of an "
        "earlier run, or that run's id.",
    )
