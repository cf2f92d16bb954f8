"""A target's database and checkout, as they were looked at. Reads only.

Looking shows also what a deploy would refuse: a server that is down, a database that is not
Alembic's, several heads, a broken revision file. What could not be read is kept as the refusal
that says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from ..errors import NOTHING_CHANGED, RunbookError, TargetUnsuitable
from ..postgres import connections
from ..postgres.connections import Connection, Identity
from ..show.render import Block, Card, Shown, Tone, shorten
from ..targets.settings import Target
from . import as_text, version
from .history import History, named
from .project import Project
from .version import Version

T = TypeVar("T")


@dataclass(frozen=True)
class Database(Shown):
    """A database that was looked at.

    `known_identity`, `known_version` and `known_history` are None where they could not be read;
    `no_connection`, `no_version` and `no_history` then hold why, and `identity`, `version` and
    `history` raise it. `by_env_py` is false where env.py could not be run, and the version table
    was looked for by its default name; `env_py_ran` where there was no need to. `holds_rows` is
    whether any table has a row, or could not be asked. `safe` is whether
    everything holds that must before a plan is made.
    """

    target: Target
    project: Project = field(compare=False, repr=False)
    known_identity: Identity | None
    known_version: Version | None
    known_history: History | None
    no_connection: RunbookError | None = None
    no_version: RunbookError | None = None
    no_history: RunbookError | None = None
    pooled: bool = False
    by_env_py: bool = True
    env_py_ran: bool = True
    holds_rows: bool = True
    safe: bool = False

    @property
    def identity(self) -> Identity:
        """Which database it is. Raises the refusal that kept it from being reached."""
        return _known(self.known_identity, self.no_connection)

    @property
    def version(self) -> Version:
        """Its version rows. Raises the refusal that kept them from being read."""
        return _known(self.known_version, self.no_version or self.no_connection)

    @property
    def history(self) -> History:
        """The checkout's revisions. Raises the refusal that kept them from being read."""
        return _known(self.known_history, self.no_history)

    @property
    def at(self) -> str:
        """The version in words: a revision, several, `base`, or that it is unknown."""
        return named(self.known_version.ids) if self.known_version else "unknown"

    @property
    def version_table(self) -> str:
        """The version table's name, its default where it could not be told."""
        return self.known_version.table if self.known_version else as_text.TABLE

    @cached_property
    def pending(self) -> tuple[str, ...] | None:
        """The revisions of the checkout that are not in the database; None where not known."""
        at, history = self.known_version, self.known_history
        if at is None or history is None or any(id_ not in history for id_ in at.ids):
            return None
        return history.pending(at.ids)

    def connected(self) -> contextlib.closing[Connection]:
        """A new read-only connection to it, for a `with` statement."""
        return contextlib.closing(connections.connect(self.target))

    def with_table(self, table: str) -> Database:
        """The same, its version rows in that table. Pure."""
        return replace(self, known_version=replace(self.version, table=table))

    def blocks(self) -> Sequence[Block]:
        if self.known_identity is None:
            return [self._not_reached()]
        how = "through a connection pooler" if self.pooled else "directly, not through a pooler"
        lines = [
            ("Database", f"{self.identity} as {self.identity.user}, {how}"),
            ("Version row", self._version()),
            ("Checkout", self._checkout()),
            ("Heads", self._heads()),
            ("Pending", self._pending()),
            ("env.py", self._env_py()),
        ]
        if self.safe:
            return [Card("Preflight: safe to look", lines, "good")]
        whole = self.known_version is not None and self.known_history is not None
        tone: Tone = "good" if whole and not self.pending else "warning"
        return [Card(f"Reached: target {self.target.name}", [x for x in lines if x[1]], tone)]

    def _not_reached(self) -> Card:
        refused = self.no_connection
        lines = [("Happened", _said(refused)), ("Next", refused.next_step if refused else "")]
        return Card(f"Not reached: target {self.target.name}", lines, "danger")

    def _version(self) -> str:
        found = self.known_version
        if found is None:
            return f"unknown: {_said(self.no_version)}"
        if not found.tracked:
            return f"none: there is no {found.table}, so Alembic never ran here"
        by_name = "" if self.by_env_py else f"; by its default name: {_said(self.no_version)}"
        return f"{self.at} in {found.table}{by_name}"

    def _checkout(self) -> str:
        if self.known_history is None:
            return f"unknown: {_said(self.no_history)}"
        files = len(self.known_history.revisions)
        return f"{files} revision files, no duplicate id, no missing parent"

    def _heads(self) -> str:
        if self.known_history is None:
            return "unknown"
        return ", ".join(self.known_history.heads) or "none"

    def _pending(self) -> str:
        if self.pending is None:
            return "unknown"
        many = len(self.pending)
        if not many:
            return "0 revisions"
        shown = ", ".join(self.pending[:5]) + (f" and {many - 5} more" if many > 5 else "")
        return f"{many} revision{'s' if many > 1 else ''}: {shown}"

    def _env_py(self) -> str:
        if not self.env_py_ran:
            return "not run: nothing is pending"
        return "connects to this database" if self.no_version is None else ""


def _known(found: T | None, why: RunbookError | None) -> T:
    if found is not None:
        return found
    raise why or TargetUnsuitable(
        "it was not read.", state=NOTHING_CHANGED, next_step="run the cells from the top."
    )


def look(target: Target) -> Database:
    """Connect, and read what can be read. Reads only; never raises for a database that is down.

    The revisions are read also without the database.
    """
    try:
        return reach(target)
    except RunbookError as error:
        refused = error.kept()
    project = Project(target)
    history, no_history = _history(project)
    # Without a URL the ini can't be used either, and that is said already.
    if type(no_history) is type(refused):
        no_history = None
    return Database(
        target=target,
        project=project,
        known_identity=None,
        known_version=None,
        known_history=history,
        no_connection=refused,
        no_history=no_history,
    )


def reach(target: Target) -> Database:
    """Connect, and read what can be read. Reads only.

    Raises TargetUnreachable, SettingsError, or TargetUnsuitable for a server before 14;
    whatever else is wrong is kept in the value.
    """
    with contextlib.closing(connections.connect(target)) as connection:
        identity = connections.identify(connection)
        connections.require_version(identity.version_number, identity.version)
        pooled = connections.pooled(connection)
        project = Project(target, identity)
        history, no_history = _history(project)
        # env.py would leave its settings on a server session that the pooler gives to others.
        at, no_version = (None, _behind_a_pooler()) if pooled else _rows(project)
        by_env_py = no_version is None
        at = at if by_env_py else _by_default_name(connection)
        if at and not at.tracked and (hidden := version.hidden(connection, identity, at.table)):
            at, no_version = None, hidden
    return Database(
        target=target,
        project=project,
        known_identity=identity,
        known_version=at,
        known_history=history,
        no_version=no_version,
        no_history=no_history,
        pooled=pooled,
        by_env_py=by_env_py,
    )


def _rows(project: Project) -> tuple[Version | None, RunbookError | None]:
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


def _by_default_name(connection: Connection) -> Version | None:
    """The version rows without env.py; None where they are not there, or not for this role."""
    try:
        found = version.held(connection, as_text.TABLE)
    except connections.Error:
        return None
    # Where there is none, env.py may name another table.
    return None if found is None else Version(found, as_text.TABLE, True)


def _said(error: RunbookError | None) -> str:
    return shorten(error.happened, 300) if error else "it could not be read"
