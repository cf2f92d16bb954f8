"""The only writer: run a plan that was shown, and read back what became of it.

Each revision is a transaction of its own and is tried as a whole. What is reported was
read on a new connection after the revision's COMMIT.
"""

from __future__ import annotations

from . import applying, catalog, plan, preflight, readback, refusals
from .outcome import Outcome, nothing
from .plan import Plan
from .policy import Policy
from .preflight import Preflight
from .runner import Reporter, RunnerLock, only_runner


def apply(shown: Plan, found: Preflight, policy: Policy, report: Reporter) -> Outcome:
    """Run a plan. Writes the database: this plan's revisions, and nothing else.

    Raises PlanChanged when the plan under the lock is another than the shown one,
    LockTimeout, MigrationFailed, NothingPersisted, OutcomeUnknown and Interrupted; each
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
    shown: Plan, found: Preflight, policy: Policy, report: Reporter, lock: RunnerLock
) -> Outcome:
    """Run the plan under the lock, if it is still the one that was shown."""
    fresh = preflight.check(found.target, shown.direction)
    again = plan.make(fresh, shown.direction, shown.destination, policy.lock_timeout_s)
    if not again.steps:
        return nothing(again, "another runner did it in the meantime")
    if again.digest != shown.digest or again.loses_more_than(shown):
        raise refusals.plan_changed(shown, again)
    applied, after = applying.Applying(again, fresh, policy, report, lock).all()
    rows = readback.version_rows(fresh)
    difference = catalog.difference(again.catalog, after)
    return Outcome(again, applied, readback.named(rows), difference)
