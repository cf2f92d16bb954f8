"""Drift from both sides, and whether it is a reason to fail. Reads the database only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..facts import Drift as DriftFacts
from ..postgres.catalog import Catalog
from ..project.database import Database
from ..show.render import Block, Line, Shown
from . import drift
from .drift import Drift, ModelDrift


@dataclass(frozen=True)
class BothDrifts(Shown):
    """How a database differs from its migrations, and from the models.

    `pending` are the revisions that the models may already speak of; None is unknown.
    """

    migrations: Drift
    models: ModelDrift
    pending: tuple[str, ...] | None

    @property
    def trouble(self) -> str:
        """Why a check for drift must fail; nothing when it need not.

        Models are no reason while revisions are pending, which bring what they say, nor where
        env.py names none.
        """
        if self.migrations.drifted is None:
            why = self.migrations.unknown.splitlines()[0].removesuffix(".")
            return f"whether it drifted is unknown: {why}"
        if self.migrations.difference:
            return f"the database {self.migrations.difference.summary()}, by hand"
        if self.pending:
            return ""
        if self.models.changes is None:
            known = self.models.unknown == drift.NO_MODELS
            return "" if known else f"the models could not be compared: {self.models.unknown}"
        return f"the models differ: {'; '.join(self.models.changes)}" if self.models.changes else ""

    @property
    def next_step(self) -> str:
        """What to do about the trouble."""
        if self.migrations.drifted is None:
            return self.migrations.unknown.partition("\n")[2] or "see Drift above."
        return (
            "see Drift above, or run this without fail_on_drift: write what is right into a "
            "revision (create_migration.ipynb), undo the rest."
        )

    def facts(self) -> DriftFacts:
        """What the record keeps."""
        return {
            "migrations": self.migrations.drifted,
            "models": self.models.drifted,
            "trouble": self.trouble or None,
        }

    def blocks(self) -> Sequence[Block]:
        shown = [*self.migrations.blocks(), *self.models.blocks()]
        if self.pending and self.models.changes:
            names = ", ".join(self.pending[:5])
            more = f" and {len(self.pending) - 5} more" if len(self.pending) > 5 else ""
            what = f"Pending: {names}{more}. What they bring is missing here, and is no drift."
            shown.append(Line(what))
        return shown


def read(found: Database, live: Catalog) -> BothDrifts:
    """Build what the migrations alone produce, compare, and compare with the models.

    Reads the database only; writes a throwaway database, which is dropped.
    """
    migrations = drift.against_migrations(found, live)
    return BothDrifts(migrations, drift.against_models(found), found.pending)
