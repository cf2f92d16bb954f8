"""The only writer: run a plan that was shown, and read back what became of it.

Each revision is a transaction of its own and is tried as a whole. What is reported was
read on a new connection after the revision's COMMIT.
"""

from __future__ import annotations

import contextlib

from ..plan import making
from ..plan.bounds import Bounds
from ..plan.plan import Plan
from ..plan.policy import Policy
from ..postgres import catalog, connections
from ..postgres.runner import Reporter, RunnerLock, only_runner
from ..project import preflight
from ..project.database import Database
from ..project.history import named
from . import chain, readback, refusals
from .outcome import Outcome, nothing


def apply(
    shown: Plan,
    found: Database,
    policy: Policy,
    report: Reporter,
    approved: Bounds | None = None,
) -> Outcome:
    """Run a plan. Writes the database: this plan's revisions, and nothing else.

    `approved` is how many rows may go from each table at risk; where it is not given, as many as
    the plan says.
    Raises PlanChanged when the plan under the lock is another than the shown one, NotShown when a
    revision sends or does what was not shown,
    TargetUnsuitable for a database that is set read-only, LockTimeout, MigrationFailed,
    NothingPersisted, OutcomeUnknown and Interrupted; each
    says at which revision the database is.
    """
    if not shown.steps:
        return nothing(shown, "the database is already there")
    try:
        with only_runner(found.target, report, policy.statement_timeout_s) as lock:
            bounds = shown.bounds if approved is None else approved
            return _run(shown, found, policy, report, lock, bounds)
    except KeyboardInterrupt:
        doing = "before the first revision, while it waited for the runner lock or planned again"
        raise refusals.interrupted(found, doing, None) from None


def _run(
    shown: Plan,
    found: Database,
    policy: Policy,
    report: Reporter,
    lock: RunnerLock,
    approved: Bounds,
) -> Outcome:
    """Run the plan under the lock, if it is still the one that was shown."""
    fresh = preflight.check(found.target, shown.direction, found.project)
    with contextlib.closing(connections.connect(found.target)) as connection:
        connections.require_writable(connection, fresh.identity)
    again = making.make(fresh, shown.direction, shown.asked, policy.lock_timeout_s, shown)
    if not again.steps:
        return nothing(again, "another runner did it in the meantime")
    if again.fixed != shown.fixed or again.beyond(approved):
        raise refusals.plan_changed(shown, again, approved)
    under_way = chain.Chain(again, fresh, policy, report, lock)
    applied, after = under_way.all()
    rows = readback.version_rows(under_way.found)
    return Outcome(
        plan=again,
        applied=applied,
        current=named(rows),
        difference=catalog.difference(again.catalog, after),
        version_table=under_way.found.version.table,
    )
