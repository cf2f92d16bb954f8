"""Is it safe to look, and is this the database and the checkout that were meant? Reads only."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from . import database, glance, history, version
from .errors import NOTHING_CHANGED, ReadFailed
from .history import Direction, History
from .render import Block, Card, Shown
from .settings import Target
from .version import Version


@dataclass(frozen=True)
class Preflight(Shown):
    """A database and a checkout that fit each other, as they were found."""

    target: Target
    identity: database.Identity
    history: History
    version: Version
    env_py_ran: bool = True

    @property
    def behind(self) -> int:
        """How many revisions of the checkout are not in the database."""
        return len(self.history.steps("upgrade", "heads", self.version.current))

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


def _unreadable(identity: database.Identity, said: str) -> ReadFailed:
    return ReadFailed(
        f"the version row of {identity.where} could not be read: {said.partition(chr(10))[0]}.",
        state=NOTHING_CHANGED,
        next_step="use the role that owns the migrations, or as that role: GRANT SELECT, INSERT, "
        f"UPDATE, DELETE ON {glance.TABLE} TO {identity.user};",
    )


def check(target: Target, direction: Direction) -> Preflight:
    """Everything that must hold before a plan is made. Reads only.

    Raises the refusal that names what does not hold: HistoryError, TargetUnreachable,
    TargetUnsuitable or WrongDatabase.
    """
    quick = glance.history(target) if direction == "upgrade" else None
    found = quick or history.read(target)
    if direction == "upgrade":
        history.require_one_head(found)
    with contextlib.closing(database.connect(target)) as connection:
        identity = database.identify(connection)
        database.require_suitable(connection, identity)
        try:
            at_head = glance.version(connection, quick) if quick else None
        except database.Error as error:
            raise _unreadable(identity, str(error)) from None
    if at_head:
        return Preflight(target, identity, found, at_head, env_py_ran=False)
    found = history.read(target) if quick else found
    return Preflight(target, identity, found, version.read(target, identity, found))
