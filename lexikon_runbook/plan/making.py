"""Makes a plan: the way, its rehearsal or its SQL as rendered, what is lost. Reads only."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import NOTHING_CHANGED, ReadFailed, RunbookError, TargetUnsuitable
from ..postgres import catalog, connections
from ..project.database import Database
from ..project.history import Direction, named
from . import judging, pending, rehearsing
from .plan import Plan
from .rehearsing import Rehearsed

if TYPE_CHECKING:
    from .risk import AtRisk
    from .step import Step


def make(
    found: Database,
    direction: Direction,
    revision: str,
    lock_timeout_s: float,
    shown: Plan | None = None,
) -> Plan:
    """The plan from where the database is to `revision`. Reads only.

    Where its steps are those of a plan that was `shown`, what was found in them is, too. Counts
    exactly the rows that it would drop. Raises UnknownRevision when there is no way there, and
    ReadFailed when a table that it reads is locked or not this user's.
    """
    try:
        return _made(found, direction, revision, lock_timeout_s, shown)
    except connections.Error as error:
        said = found.target.mask(str(error)).partition("\n")[0]
        raise ReadFailed(
            f"{found.identity.where} could not be read for the plan: {said}.",
            state=NOTHING_CHANGED,
            next_step=f"`{found.target.verb('status')}` shows who holds which lock; the user of "
            "the plan needs to read every table that it drops.",
        ) from None


def _made(
    found: Database,
    direction: Direction,
    asked: str,
    lock_timeout_s: float,
    shown: Plan | None,
) -> Plan:
    way = pending.way(found, direction, asked)
    live = _catalog(found)
    with contextlib.closing(connections.connect(found.target)) as connection:
        pending.look_in(connection, found.version.path)
        if shown is not None and shown.holds(found, way, live):
            rehearsed, steps = shown.rehearsed, shown.steps
        else:
            rehearsed = rehearsing.of(found, connection, way, live)
            steps = pending.steps(found, way, rehearsed)
        risks = _at_risk(connection, rehearsed, steps, down=direction == "downgrade")
        if shown is not None and [s.identity for s in steps] == [s.identity for s in shown.steps]:
            judged, findings = shown.steps, shown.findings
        else:
            judged, findings = judging.judged(
                found.target, connection, steps, risks, lock_timeout_s, rehearsed
            )
        return Plan(
            target=found.target.name,
            protected=found.target.protected,
            identity=found.identity,
            direction=direction,
            version=found.version,
            asked=asked,
            destination=named(judged[-1].after if judged else found.version.ids),
            steps=judged,
            findings=findings,
            at_risk=risks,
            invalid=pending.left_invalid(connection, judged),
            catalog=live,
            env_py=found.history.env_py if judged else "",
            env_py_sends=found.project.writes if judged else (),
            frozen=_frozen(found, connection, rehearsed) if judged else None,
            rehearsed=rehearsed,
        )


def _at_risk(
    connection: connections.Connection, rehearsed: Rehearsed, steps: Sequence[Step], *, down: bool
) -> tuple[AtRisk, ...]:
    """What would be lost: as it was seen, or as the SQL is read where it was not rehearsed."""
    if not rehearsed.done:
        return pending.rows_at_risk(connection, steps, down=down)
    from . import losses

    return losses.at_risk(connection, rehearsed.done, steps, down=down)


def _frozen(
    found: Database, connection: connections.Connection, rehearsed: Rehearsed
) -> RunbookError | None:
    """Why the plan can't run here now, whoever approves it; None where it can. Reads only."""
    if rehearsed.why_not and found.target.without_rehearsal == "refuse":
        return TargetUnsuitable(
            f"the plan was read, not rehearsed: {rehearsed.why_not}.",
            state=NOTHING_CHANGED,
            next_step=rehearsed.mend
            or f'[targets.{found.target.name}] has without_rehearsal = "refuse": mend what is in '
            "the way of the rehearsal.",
        )
    return connections.frozen(connection, found.identity)


def _catalog(found: Database) -> catalog.Catalog:
    """The schema, read as after the plan: with our own session's path."""
    with contextlib.closing(connections.connect(found.target)) as connection:
        return catalog.read(connection, version_table=found.version.table)
