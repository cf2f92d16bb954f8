"""What the project's env.py leaves out of its comparisons, by include_name and include_object.

Its functions are asked where they live, in the worker, about what the database holds; what only
the migrations make, they are asked about on the throwaway database. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..postgres.catalog import Catalog, Change, Difference
from ..postgres.connections import Identity
from ..postgres.names import parts
from ..project import failures
from ..project.limits import READING
from ..project.worker import Worker
from ..targets.settings import Target
from .left_out import column_of, relation_of, schema_of

Question = tuple[str, str, str, str]
"""A schema, a table or "", what Alembic calls the object, and its name."""
TABLES = ("table", "foreign table")
CONSTRAINTS = {"UNIQUE": "unique_constraint", "FOREIGN": "foreign_key_constraint"}


@dataclass(frozen=True)
class Side:
    """One database of a comparison: its catalog, and how to come to the worker that is at it."""

    target: Target
    identity: Identity
    catalog: Catalog
    worker: Callable[[], Worker]

    def left_out(self, changes: Sequence[Change]) -> frozenset[Change]:
        """Those of these objects that env.py leaves out. Raises HistoryError where it fails."""
        of_each = {change: question for change in changes if (question := self._question(change))}
        asked = sorted(set(of_each.values()))
        if not asked:
            return frozenset()
        worker, settings = self.worker(), READING.settings(self.identity.version_number)
        told = failures.looked(
            self.target, lambda: worker.ask("left_out", settings=settings, asked=asked)
        )
        if told["raised"] is not None:
            raise failures.raised(self.target, told["raised"])
        out = {asked[number] for number in told["left_out"]}
        return frozenset(change for change, question in of_each.items() if question in out)

    def _question(self, change: Change) -> Question | None:
        """What env.py is asked about an object: about itself, its column, its table, its schema."""
        relation = relation_of(change)
        if not any((kind, relation) in self.catalog.objects for kind in TABLES):
            schema = "".join(parts(schema_of(change)))
            return (schema, "", "schema", schema) if schema else None
        schema, table = parts(relation)
        if column := column_of(change):
            return schema, table, "column", parts(column)[-1]
        if kind := _called(change):
            return schema, table, kind, parts(change.name)[-1]
        return schema, table, "table", table


def _called(change: Change) -> str:
    """What Alembic calls a part of a table; "" where it asks only about the table."""
    definition = (change.after or change.before or "").partition(" ")[0]
    return {"index": "index", "constraint": CONSTRAINTS.get(definition, "")}.get(change.kind, "")


def of(difference: Difference, live: Side, built: Side) -> tuple[Difference, int]:
    """A difference without what env.py leaves out, and how many objects these are.

    Raises HistoryError where env.py, or one of its functions, fails.
    """
    out = live.left_out((*difference.added, *difference.changed))
    out |= built.left_out(difference.removed)

    def kept(changes: Iterable[Change]) -> tuple[Change, ...]:
        return tuple(change for change in changes if change not in out)

    rest = Difference(kept(difference.added), kept(difference.removed), kept(difference.changed))
    return rest, len(out)
