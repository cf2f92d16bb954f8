"""Is it safe to look, and is this the database and the checkout that were meant? Reads only."""

from __future__ import annotations

import contextlib

from ..errors import NOTHING_CHANGED, ReadFailed
from ..postgres import connections, contents
from ..targets.settings import Target
from . import as_text, version
from .database import Database
from .history import Direction
from .project import Project


def _unreadable(identity: connections.Identity, said: str) -> ReadFailed:
    return ReadFailed(
        f"the version row of {identity.where} could not be read: {said.partition(chr(10))[0]}.",
        state=NOTHING_CHANGED,
        next_step="use the role that owns the migrations, or as that role: GRANT SELECT, INSERT, "
        f"UPDATE, DELETE ON {as_text.TABLE} TO {identity.user};",
    )


def check(target: Target, direction: Direction, known: Project | None = None) -> Database:
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
        # At the head there is nothing to rehearse, and this is the commonest run.
        holds_rows = at_head is not None or contents.any_row(connection)
    project = known or Project(target)
    history, at = quick, at_head
    if at is None:
        project.reach(identity, rendering=not holds_rows)
        at = version.read(project, identity)
        history = project.history
    return Database(
        target=target,
        project=project,
        known_identity=identity,
        known_version=at,
        known_history=history,
        env_py_ran=at_head is None,
        holds_rows=holds_rows,
        safe=True,
    )
