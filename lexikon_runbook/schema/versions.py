"""Every revision: in the database or not, when and by whom, and whether its file was edited since.

What is applied comes from the version rows and the revision files, the rest from the archive's
records. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..project.database import Database
from ..project.history import Revision, named
from ..record import earlier_runs
from ..record.earlier_runs import Application
from .frames import TIME, frame

TYPES = {
    "revision": "string",
    "state": "category",
    "message": "string",
    "follows": "string",
    "applied": TIME,
    "by": "string",
    "edited": "category",
    "file": "string",
}
APPLIED, PENDING, UNKNOWN = "applied", "pending", "unknown"


def read(found: Database) -> pd.DataFrame:
    """The revisions of the checkout and the database, the newest first. Reads only."""
    return frame(_rows(found), TYPES, _notes(found))


def _rows(found: Database) -> Iterator[tuple[object, ...]]:
    ids = found.known_version.ids if found.known_version else ()
    for id_ in ids:
        if found.known_history is None or id_ not in found.known_history:
            yield id_, "not in this checkout", None, None, None, None, None, None
    if found.known_history is None:
        return
    every = found.known_history.revisions
    known = earlier_runs.applications(found.target, found.identity.key, {r.id for r in every})
    for revision in reversed(every):
        state = _state(found, revision)
        yield _row(revision, state, named(revision.down), known.get(revision.id))


def _state(found: Database, revision: Revision) -> str:
    if found.known_version is not None and revision.id in found.known_version.ids:
        return "applied, now"
    if found.pending is None:
        return UNKNOWN
    return PENDING if revision.id in found.pending else APPLIED


def _row(
    revision: Revision, state: str, follows: str, known: Application | None
) -> tuple[object, ...]:
    told: tuple[object, ...] = (None, None, UNKNOWN if state != PENDING else None)
    if known is not None and state.startswith(APPLIED):
        edited = "no" if known.checksum == revision.checksum else "yes"
        told = (pd.Timestamp(known.at, tz="UTC"), known.by, edited)
    return (revision.id, state, revision.message, follows, *told, revision.file.name)


def _notes(found: Database) -> list[str]:
    if found.known_history is None:
        why = found.no_history.happened if found.no_history else "it could not be read"
        return [f"The checkout is unknown: {why}"]
    return [
        "When, by whom and whether edited since is known of what a runbook with this archive "
        "applied. Times are UTC."
    ]
