"""What the archive says: applied files that were edited since, runs that were cut short."""

from __future__ import annotations

from ...project.database import Database
from ...record import earlier_runs
from ...targets.settings import Target
from ..evidence import Edited
from . import git
from .files import relative

CHANGING = ("deploy", "rollback")
NEWEST = 20  # revisions whose files are compared


def edited(found: Database) -> tuple[Edited, ...]:
    """Applied revisions whose files are not what a recorded run applied. Reads only."""
    if found.known_history is None or found.known_version is None:
        return ()
    known = [id_ for id_ in found.known_version.ids if id_ in found.known_history]
    ids = found.known_history.ancestors(known)
    newest = [r for r in found.known_history.revisions if r.id in ids][-NEWEST:]
    applied = earlier_runs.applications(found.target, found.identity.key, {r.id for r in newest})
    return tuple(
        Edited(
            revision.id,
            path := relative(found.target, revision.file),
            applied[revision.id].at,
            git.commit_with(found.target, path, applied[revision.id].checksum),
        )
        for revision in newest
        if revision.id in applied and applied[revision.id].checksum != revision.checksum
    )


def interrupted(target: Target) -> tuple[str, ...]:
    """Deploys and rollbacks of this target that were cut short, in words. Reads only."""
    return tuple(
        f"a {facts['runbook']} begun {str(facts['started'])[:19].replace('T', ' ')} UTC was cut "
        f"short during {facts['doing'] or 'one of its stages'}; its record: {folder.name}"
        for folder, facts in earlier_runs.cut_short(target)
        if facts["runbook"] in CHANGING
    )
