"""The base of a comparison: what the migrations alone produce, without any dev database."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..postgres.catalog import Catalog
from ..project import history
from ..project.history import History, Revision, named
from ..project.project import Project
from ..rehearsal import throwaway
from ..rehearsal.throwaway import Throwaway
from ..show.render import Block, Card, Shown, duration
from ..targets.settings import Target


@dataclass(frozen=True)
class Base(Shown):
    """A throwaway database at the checkout's head, or before the revision that is reviewed."""

    at: tuple[str, ...]
    revisions: int
    catalog: Catalog
    built_on: str
    took_s: float
    reviewed: Revision | None = None

    def blocks(self) -> Sequence[Block]:
        lines = [
            ("At", named(self.at)),
            ("Built from", f"{self.revisions} revision files in {duration(self.took_s)}"),
            ("On", f"a throwaway database, PostgreSQL {self.built_on}"),
            ("Holds", str(self.catalog).partition(": ")[2]),
        ]
        if self.reviewed:
            lines.insert(0, ("Reviews", f"{self.reviewed.id}: {self.reviewed.message}"))
        title = "Base: what the migrations alone produce"
        return [Card(title, lines, "good")]


def read(project: Project, revision: str) -> tuple[History, Revision | None]:
    """The checkout, and the revision in it that is to be reviewed, if one is named. Reads only.

    Raises HistoryError for broken revision files, and, where a new revision would follow, for
    several heads; UnknownRevision for a revision that the checkout does not have.
    """
    project.refresh()
    found = project.history
    if revision:
        return found, found.named(revision)
    history.require_one_head(found)
    return found, None


@contextlib.contextmanager
def built(
    target: Target, found: History, before: Revision | None, reviewed: bool
) -> Iterator[tuple[Base, Throwaway]]:
    """Build the base, and drop it at the end. Writes throwaway databases only; raises NotBuilt.

    It is at the heads, or under the revision `before`, which may be the one that is `reviewed`.
    """
    ids = found.heads if before is None else before.needs
    number = len(found.ancestors(ids))
    began = time.monotonic()
    with throwaway.empty(target, found) as made:
        made.env_py()  # which may create a schema itself
        for id_ in ids:
            made.upgrade(id_)
        on, took = made.identity.version, time.monotonic() - began
        of = before if reviewed else None
        yield Base(ids, number, made.catalog(), on, took, of), made
