"""A database that answers, and what could be told of its version and its checkout. Reads only.

For looking, also at what a deploy would refuse: a database that is not Alembic's, several
heads, a broken revision file. What could not be read is kept as the reason why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import NOTHING_CHANGED, RunbookError, TargetUnsuitable
from ..postgres import connections
from ..postgres.connections import Connection, Identity
from ..show.render import Block, Card, Shown, Tone, shorten
from ..targets.settings import Target
from . import as_text, version
from .history import History, named
from .project import Project
from .version import Rows


@dataclass(frozen=True)
class Reached(Shown):
    """A database as it was found.

    `rows` and `history` are None where they could not be read; `no_rows` and `no_history` then
    hold why. `by_env_py` is false where env.py could not be run, and the version table was
    looked for by its default name.
    """

    target: Target
    identity: Identity
    pooled: bool
    rows: Rows | None
    history: History | None
    no_rows: RunbookError | None = None
    no_history: RunbookError | None = None
    by_env_py: bool = True
    project: Project | None = field(default=None, compare=False, repr=False)

    @property
    def at(self) -> str:
        """The version in words: a revision, several, `base`, or that it is unknown."""
        return named(self.rows.ids) if self.rows else "unknown"

    @property
    def version_table(self) -> str:
        """The version table's name, its default where it could not be told."""
        return self.rows.table if self.rows else as_text.TABLE

    @cached_property
    def pending(self) -> tuple[str, ...] | None:
        """The revisions of the checkout that are not in the database; None where not known."""
        if self.rows is None or self.history is None:
            return None
        known = {id_ for id_ in self.rows.ids if id_ in self.history}
        if len(known) < len(self.rows.ids):
            return None
        return self.history.pending(known)

    def connected(self) -> contextlib.closing[Connection]:
        """A new read-only connection to it, for a `with` statement."""
        return contextlib.closing(connections.connect(self.target))

    def blocks(self) -> Sequence[Block]:
        how = "through a connection pooler" if self.pooled else "directly"
        lines = [
            ("Database", f"{self.identity} as {self.identity.user}, {how}"),
            ("Version", self._version()),
            ("Checkout", self._checkout()),
            ("Pending", self._pending()),
        ]
        whole = self.rows is not None and self.history is not None
        tone: Tone = "good" if whole and not self.pending else "warning"
        return [Card(f"Reached: target {self.target.name}", lines, tone)]

    def _version(self) -> str:
        if self.rows is None:
            return f"unknown: {_said(self.no_rows)}"
        if not self.rows.tracked:
            return f"none: there is no {self.rows.table}, so Alembic never ran here"
        by_name = "" if self.by_env_py else f"; by its default name: {_said(self.no_rows)}"
        return f"{self.at} in {self.rows.table}{by_name}"

    def _checkout(self) -> str:
        if self.history is None:
            return f"unknown: {_said(self.no_history)}"
        heads = ", ".join(self.history.heads) or "none"
        return f"{len(self.history.revisions)} revision files; heads: {heads}"

    def _pending(self) -> str:
        if self.pending is None:
            return "unknown"
        shown = ", ".join(self.pending[:5])
        more = f" and {len(self.pending) - 5} more" if len(self.pending) > 5 else ""
        return f"{len(self.pending)}: {shown}{more}" if self.pending else "none"


def reach(target: Target) -> Reached:
    """Connect and read what can be read. Reads only.

    Raises TargetUnreachable, SettingsError, or TargetUnsuitable for a server before 14;
    whatever else is wrong is kept in the value.
    """
    with contextlib.closing(connections.connect(target)) as connection:
        identity = connections.identify(connection)
        connections.require_version(identity.version_number, identity.version)
        pooled = connections.pooled(connection)
        project = Project(target, identity)
        found, no_history = _history(project)
        # env.py would leave its settings on a server session that the pooler gives to others.
        rows, no_rows = (None, _behind_a_pooler()) if pooled else _rows(project)
        by_env_py = no_rows is None
        rows = rows if by_env_py else _by_default_name(connection)
        if (
            rows
            and not rows.tracked
            and (hidden := version.hidden(connection, identity, rows.table))
        ):
            rows, no_rows = None, hidden
    return Reached(target, identity, pooled, rows, found, no_rows, no_history, by_env_py, project)


def _rows(project: Project) -> tuple[Rows | None, RunbookError | None]:
    try:
        return version.rows(project), None
    except RunbookError as error:
        return None, error.kept()


def _behind_a_pooler() -> TargetUnsuitable:
    return TargetUnsuitable(
        "env.py is not run through a connection pooler, where its settings would reach others.",
        state=NOTHING_CHANGED,
        next_step="point the target at PostgreSQL itself, usually port 5432 in place of 6432.",
        finding="pooler",
    )


def _history(project: Project) -> tuple[History | None, RunbookError | None]:
    try:
        return project.history, None
    except RunbookError as error:
        return None, error.kept()


def _by_default_name(connection: Connection) -> Rows | None:
    """The version rows without env.py; None where they are not there, or not for this role."""
    try:
        found = version.held(connection, as_text.TABLE)
    except connections.Error:
        return None
    # Where there is none, env.py may name another table.
    return None if found is None else Rows(found, as_text.TABLE, True)


def _said(error: RunbookError | None) -> str:
    return shorten(error.happened, 300) if error else "it could not be read"
