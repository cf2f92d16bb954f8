"""The stages of the inspect runbook: a schema seen from every side. Reads the database only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import NOTHING_CHANGED, Drifted
from ..postgres.catalog import Catalog
from ..project import database
from ..project.database import Database
from ..record import display, record
from ..record.ending import Finish
from ..record.record import write_atomically
from ..schema import (
    comparison,
    drift_report,
    entities,
    frames,
    indexes,
    moment,
    other_objects,
    sequences,
    snapshot,
    table,
    tables,
    versions,
)
from ..schema.chart import Chart
from ..schema.comparison import Comparison
from ..schema.diagram import Diagram
from ..schema.drift_report import BothDrifts
from ..schema.other_objects import Others
from ..schema.snapshot import Snapshot
from ..schema.table import NoTable, TableInFull
from ..show.render import Block, Card
from . import parameters
from .stages import Run, stage


class Inspecting(Run):
    """A run that looks at a schema, and changes nothing."""

    passed = ("table", "compare_to", "reason")

    def __init__(self, runbook: str, values: Mapping[str, Any], *given: Any) -> None:
        super().__init__(runbook, values, *given)
        frames.set_options()
        display.show_type(pd.DataFrame, frames.html, frames.text)
        self._found: Database | None = None
        self._catalog: Catalog | None = None
        self._drift: BothDrifts | None = None

    def blocks(self) -> Sequence[Block]:
        target, values = self.target, self.values
        fails = "the run fails" if values["fail_on_drift"] else "shown, and the run goes on"
        lines = [
            ("Database", f"its URL comes from the {target.source}"),
            ("Alembic", f"{target.alembic_ini}, section {target.alembic_section}"),
            ("In full", values["table"] or "the largest table"),
            ("Compare to", values["compare_to"] or "nothing"),
            ("On drift", fails),
        ]
        return [Card(f"{self.runbook} on target {target.name}", lines)]

    @stage
    def reach(self) -> Database:
        """Which database this is, and at which revision. Reads only."""
        found = self._found = database.reach(self.target)
        version = found.known_version
        at = found.at if version else None
        self.record.set(
            database={**asdict(found.identity), "key": found.identity.key},
            revisions={"before": at, "after": at},
            version_table=version.table if version and version.tracked else None,
        )
        self.display.lasting(f"reached: {found.identity}, at {found.at}")
        return found

    @stage
    def version(self) -> pd.DataFrame:
        """Every revision: applied or pending, when, by whom, edited since. Reads only."""
        return versions.read(self._reached())

    @stage
    def tables(self) -> pd.DataFrame:
        """All tables and views with sizes and row estimates. Reads only."""
        return tables.read(self._reached())

    @stage
    def table(self, name: str) -> TableInFull | NoTable:
        """One table in full; without a name the largest. Reads only; raises NoSuchTable."""
        return table.read(self._reached(), parameters.text("table", name))

    @stage
    def indexes(self) -> pd.DataFrame:
        """All indexes with size and usage, and what is wrong with them. Reads only."""
        return indexes.read(self._reached())

    @stage
    def keys_without_index(self) -> pd.DataFrame:
        """Foreign keys with no index under them, and the statement for each. Reads only."""
        return indexes.keys_without(self._reached())

    @stage
    def sequences(self) -> pd.DataFrame:
        """All sequences, and how near the end each is. Reads only."""
        return sequences.read(self._reached())

    @stage
    def other_objects(self) -> Others:
        """Types, views, functions, extensions, privileges, and all the rest. Reads only."""
        return other_objects.read(self._reached(), self._read_catalog())

    @stage
    def drift(self) -> BothDrifts:
        """Against the migrations alone, on a throwaway database, and against the models.

        Reads the database only.
        """
        found = self._drift = drift_report.read(self._reached(), self._read_catalog())
        self.record.set(drift=found.facts())
        self.display.lasting(f"drift: {found.trouble or 'none that counts'}")
        return found

    @stage
    def diagram(self) -> Diagram:
        """Tables and the foreign keys between them, as a picture. Reads the database only.

        Writes diagram.svg into the record's folder.
        """
        drawn = entities.draw(self._reached())
        if drawn.svg:
            write_atomically(self.record.folder / "diagram.svg", self.record.mask(drawn.svg))
        return drawn

    @stage
    def sizes(self) -> Chart:
        """The largest tables on disk, as bars. Reads only."""
        return entities.sizes(self._reached())

    @stage
    def compare(self, compare_to: str) -> Comparison:
        """Against another target, or the archived catalog of an earlier run. Reads only."""
        wanted = parameters.text("compare_to", compare_to).strip()
        return comparison.against(wanted, self._reached(), self._catalog or self._read_catalog())

    def finish(self) -> Finish:
        """Archive the catalog and write the record's outcome. Writes the archive only.

        With `fail_on_drift`, raises Drifted when there is drift or when that is unknown.
        """
        wanted = self.values["fail_on_drift"]
        found = (self._drift or self.drift()) if wanted else self._drift
        kept = self._archive()
        trouble = found.trouble if found else ""
        if found and wanted and trouble:
            raise Drifted(
                f"{self._reached().identity.where} at {self._reached().at}: {trouble}.",
                state=NOTHING_CHANGED,
                next_step=found.next_step,
            )
        said = trouble or ("none that counts" if found else "not looked at")
        return self.end_well("succeeded", (("Drift", said), ("Catalog", str(kept))))

    def _archive(self) -> Path:
        """Write the catalog, as it was read last, into the record's folder."""
        found = self._reached()
        side = comparison.side_of(found, self._catalog or self._read_catalog())
        taken = record.now()[:19].replace("T", " ")
        kept = Snapshot(
            self.target.name, found.identity.where, found.at, side.owner, taken, side.catalog
        )
        self.record.set(snapshot={"file": snapshot.NAME, "objects": len(side.catalog.objects)})
        return snapshot.write(self.record.folder, kept, self.record.mask)

    def _reached(self) -> Database:
        return self._found or self.reach()

    def _read_catalog(self) -> Catalog:
        self._catalog = moment.catalog_of(self._reached())
        return self._catalog
