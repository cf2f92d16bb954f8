"""Is it safe to look, and is this the database and the checkout that were meant? Reads only."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import NOTHING_CHANGED, ReadFailed
from ..postgres import connections
from ..show.render import Block, Card, Shown
from ..targets.settings import Target
from . import as_text, version
from .history import Direction, History
from .project import Project
from .version import Version


@dataclass(frozen=True)
class Preflight(Shown):
    """A database and a checkout that fit each other, as they were found."""

    target: Target
    identity: connections.Identity
    history: History
    version: Version
    project: Project
    env_py_ran: bool = True

    @property
    def behind(self) -> int:
        """How many revisions of the checkout are not in the database."""
        return len(self.history.pending(self.version.ids))

    def with_table(self, table: str) -> Preflight:
        """The same, its version rows in that table. Pure."""
        return replace(self, version=replace(self.version, table=table))

    def blocks(self) -> Sequence[Block]:
        files = len(self.history.revisions)
        heads = ", ".join(self.history.heads) or "none"
        version_row = f"{self.version} in {self.version.table}"
        if not self.version.tracked:
            version_row = f"none: there is no {self.version.table}, so Alembic never ran here"
        env_py = "connects to this database" if self.env_py_ran else "not run: nothing is pending"
        lines = [
            (
                "Database",
                f"{self.identity} as {self.identity.user}, directly, not through a pooler",
            ),
            ("Version row", version_row),
            ("Checkout", f"{files} revision files, no duplicate id, no missing parent"),
            ("Heads", heads),
            ("Pending", f"{self.behind} revisions" if self.behind != 1 else "1 revision"),
            ("env.py", env_py),
        ]
        return [Card("Preflight: safe to look", lines, "good")]


def _unreadable(identity: connections.Identity, said: str) -> ReadFailed:
    return ReadFailed(
        f"the version row of {identity.where} could not be read: {said.partition(chr(10))[0]}.",
        state=NOTHING_CHANGED,
        next_step="use the role that owns the migrations, or as that role: GRANT SELECT, INSERT, "
        f"UPDATE, DELETE ON {as_text.TABLE} TO {identity.user};",
    )


def check(target: Target, direction: Direction, known: Project | None = None) -> Preflight:
    """Everything that must hold before a plan is made. Reads only.

    `known` is the project of an earlier check in the same run: its workers are used again, as
    far as no file was changed. Raises the refusal that names what does not hold: HistoryError,
    SettingsError, TargetUnreachable, TargetUnsuitable or WrongDatabase.
    """
    quick = as_text.history(target) if direction == "upgrade" else None
    with contextlib.closing(connections.connect(target)) as connection:
        identity = connections.identify(connection)
        connections.require_suitable(connection, identity)
        try:
            at_head = as_text.version(connection, quick) if quick else None
        except connections.Error as error:
            raise _unreadable(identity, str(error)) from None
    project = known or Project(target)
    if at_head and quick:
        return Preflight(target, identity, quick, at_head, project, env_py_ran=False)
    project.reach(identity)
    version_ = version.read(project, identity)
    return Preflight(target, identity, project.history, version_, project)
