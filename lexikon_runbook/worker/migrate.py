"""Runs revisions: one run of env.py carries as many as it commits one by one.

Writes what the revisions write. Before each revision the other side is asked; before the COMMIT
of each it is told whether the transaction that the revision began in is still whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from . import drivers, place
from .connections import Connections
from .outside import Outside
from .trace import whole
from .wire import Wire

Around = Callable[[Any], Any]


class Chain:
    """The steps still to run, and where env.py's transactions allow them to be run together.

    `outside`, where it is given, tells what they do outside of the database; `around` is entered
    for each step that runs.
    """

    def __init__(
        self,
        wire: Wire,
        connections: Connections,
        steps: Sequence[Any],
        outside: Outside | None = None,
        around: Around = contextlib.nullcontext,
    ) -> None:
        self.wire, self.connections, self.outside = wire, connections, outside
        self.around = around
        self.steps: list[Any] = list(steps)
        self.runs = 0

    def run(self, env_py: Callable[[Callable[..., Any]], int]) -> dict[str, Any]:
        """Run env.py until no step is left; each run does one more at least, or is the last."""
        while self.steps:
            before, self.runs = len(self.steps), self.runs + 1
            with self.outside.of_env_py() if self.outside else contextlib.nullcontext():
                if not env_py(self._migrations):
                    return {"called": False}
            if len(self.steps) == before:
                break
        return {"called": True}

    def _migrations(self, rows: Any, context: Any, _given: dict[str, Any]) -> Iterator[Any]:
        """What Alembic takes step by step: it runs and commits one before it takes the next."""
        connections = self.connections
        connections.of_env_py = False
        own = context.connection
        if getattr(own, "in_nested_transaction", bool)():
            connections.scoped = True  # env.py's savepoint would not outlive a COMMIT of ours
        autocommit = drivers.autocommit(own)
        transactions: list[str] = []
        noted = self._noted(transactions)
        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, noted)
        first, here = True, list((rows,) if isinstance(rows, str) else rows or ())
        while self.steps:
            if not first and _asked(own, HELD):
                # env.py, or a statement before its own begin, holds one transaction for all.
                if self.runs == 1 or connections.scoped:
                    return
                connections.commit(own)
                own.dialect.do_commit(own.connection)
            step = self.steps[0]
            answer = self.wire.ask(
                "step",
                revision=step.revision.revision,
                rows=sorted(here) if first else None,
                place=place.of(context) if first else None,
                autocommit=autocommit,
            )
            cursor = own.connection.cursor()
            transactions.append(connections.set_again(cursor, answer.get("settings", {})))
            cursor.close()
            self.wire.say("begun", revision=step.revision.revision, transaction=transactions[-1])
            connections.version_table = context._version
            if connections.trace:
                connections.trace.begin(own.connection)
            first = False
            if self.outside:
                self.outside.begin(step.revision)
            with self.around(step):
                yield step
            if self.outside:
                self.outside.end()
            del self.steps[0]

    def _noted(self, transactions: Sequence[str]) -> Callable[..., None]:
        def applied(ctx: Any, step: Any, **_: Any) -> None:
            # Alembic calls it before the revision's COMMIT: stopping here undoes the revision.
            raw = ctx.connection.connection
            sql = f"select pg_xact_status('{transactions[-1]}'::xid8)"
            # What went by a cursor of the driver's own was seen by no event.
            unseen = trace.since(raw) if (trace := self.connections.trace) else {}
            self.wire.ask(
                "applied",
                revision=step.up_revision_id,
                status=_asked(ctx.connection, sql),
                whole=whole(raw),
                unseen=unseen,
            )

        return applied


HELD = "select pg_current_xact_id_if_assigned()::text"


def _asked(connection: Any, sql: str) -> Any:
    """Ask on env.py's own connection, unseen by SQLAlchemy: no statement of the revision."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone()[0]
    finally:
        cursor.close()
