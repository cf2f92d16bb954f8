"""The only writer: run a plan that was shown, and read back what became of it.

Each revision is a transaction of its own and is tried as a whole. What is reported was
read on a new connection after the revision's COMMIT.
"""

from __future__ import annotations

import contextlib

from ..plan import making
from ..plan.plan import Plan
from ..plan.policy import Policy
from ..postgres import catalog, connections
from ..postgres.runner import Reporter, RunnerLock, only_runner
from ..project import preflight
from ..project.database import Database
from ..project.history import named
from . import chain, readback, refusals
from .outcome import Outcome, nothing


def apply(shown: Plan, found: Database, policy: Policy, report: Reporter) -> Outcome:
    """Run a plan. Writes the database: this plan's revisions, and nothing else.

    Raises PlanChanged when the plan under the lock is another than the shown one,
    TargetUnsuitable for a database that is set read-only, LockTimeout, MigrationFailed,
    NothingPersisted, OutcomeUnknown and Interrupted; each
    says at which revision the database is.
    """
    if not shown.steps:
        return nothing(shown, "the database is already there")
    try:
        with only_runner(found.target, report, policy.statement_timeout_s) as lock:
            return _run(shown, found, policy, report, lock)
    except KeyboardInterrupt:
        doing = "before the first revision, while it waited for the runner lock or planned again"
        raise refusals.interrupted(found, doing, None) from None


def _run(
    shown: Plan, found: Database, policy: Policy, report: Reporter, lock: RunnerLock
) -> Outcome:
    """Run the plan under the lock, if it is still the one that was shown."""
    fresh = preflight.check(found.target, shown.direction, found.project)
    with contextlib.closing(connections.connect(found.target)) as connection:
        connections.require_writable(connection, fresh.identity)
    again = making.make(fresh, shown.direction, shown.asked, policy.lock_timeout_s, shown)
    if not again.steps:
        return nothing(again, "another runner did it in the meantime")
    if again.digest != shown.digest or again.loses_more_than(shown):
        raise refusals.plan_changed(shown, again)
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
