"""The stages of deploy and rollback, and what each leaves in the record."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..apply import readback
from ..apply.outcome import Outcome, nothing
from ..errors import NOTHING_CHANGED, RunbookError, Unhealthy
from ..facts import Facts
from ..plan import making
from ..plan.plan import Plan
from ..plan.policy import Policy
from ..postgres import connections
from ..project import preflight
from ..project.database import Database
from ..project.history import Direction, named
from ..project.project import Project
from ..record import earlier_runs
from ..record.ending import Finish
from ..show.render import Block, Card
from . import application, approval, health, parameters
from .approval import Approval
from .stages import Run, stage

if TYPE_CHECKING:
    from . import investigation

DIRECTIONS: dict[str, Direction] = {"deploy": "upgrade", "rollback": "downgrade"}


class Changing(Run):
    """A run that changes a database: a deploy or a rollback."""

    passed = ("revision", "approve", "reason")

    def __init__(self, runbook: str, values: Mapping[str, Any], *given: Any, **named: Any) -> None:
        super().__init__(runbook, values, *given, **named)
        self.direction = DIRECTIONS[runbook]
        self.policy = Policy(
            min(values["lock_timeout_s"], self.target.lock_timeout_max_s),
            min(values["statement_timeout_s"], self.target.statement_timeout_max_s),
            values["lock_attempts"],
        )
        self._project = Project(self.target, on_line=self.display.output)
        self._found: Database | None = None
        self._outcome: Outcome | None = None
        self._troubles: dict[str, Unhealthy] = {}

    def blocks(self) -> Sequence[Block]:
        target, policy = self.target, self.policy
        rule = "every plan" if target.protected else "a plan with a danger"
        timeouts = f"lock {policy.lock_timeout_s:g} s, statement {policy.statement_timeout_s:g} s"
        lines = [
            ("Database", f"its URL comes from the {target.source}"),
            ("Alembic", f"{target.alembic_ini}, section {target.alembic_section}"),
            ("Protection", f"{target.protection}: {rule} needs its digest in `approve`"),
            ("Timeouts", f"{timeouts}, {policy.lock_attempts} tries"),
            ("Dry run", "yes: nothing will be changed" if self.values["dry_run"] else "no"),
        ]
        return [Card(f"{self.runbook} on target {target.name}", lines)]

    @stage
    def preflight(self) -> Database:
        """Whether it is safe to look. Reads only; closes the record of a run that was killed."""
        found = self._found = preflight.check(self.target, self.direction, self._project)
        for told in earlier_runs.close_abandoned(self.target, found.version.current or "base"):
            self.display.lasting(told)
        self.record.set(
            database={**asdict(found.identity), "key": found.identity.key},
            revisions={"before": found.version.current or "base", "after": None},
            version_table=found.version.table,
            started_by_database=readback.clock(found.target),
        )
        self.display.lasting(f"preflight: {found.identity}, at {found.version}")
        return found

    @stage
    def status(self) -> investigation.Status:
        """Where the database is, since when, how the application is, who waits. Reads only."""
        from . import investigation

        return investigation.status(self._preflight())

    @stage
    def history(self) -> earlier_runs.Applied:
        """The last ten revisions in the database, by whom and when. Reads only."""
        return earlier_runs.applied(self._preflight())

    @stage
    def plan(self, revision: str) -> Plan:
        """What would run. Reads only."""
        wanted = parameters.text("revision", revision)
        moved = self._outcome is not None and self._outcome.applied
        found = self.preflight() if moved else self._preflight()
        made = making.make(found, self.direction, wanted, self.policy.lock_timeout_s)
        self.record.set(plan=made.facts())
        self.display.lasting(
            f"plan: {made.version} -> {made.destination}, {len(made.steps)} to run, "
            f"{len(made.findings)} findings, digest {made.digest}"
        )
        return made

    @stage
    def approve(self, shown: Plan, approve: str = "") -> Approval:
        """Let a plan run, or refuse. Changes nothing.

        Raises ApprovalNeeded when the plan needs its digest and `approve` is not it, and
        TargetUnsuitable for a database that is set read-only.
        """
        given = parameters.text("approve", approve).strip().lower()
        decided = approval.decide(
            self.runbook, shown, given, dry_run=self.values["dry_run"], others=self.others
        )
        self.record.journal("approval", by=decided.by, digest=shown.digest, runs=decided.runs)
        self.display.lasting(f"approval: {decided.by}")
        return decided

    @stage
    def apply(self, approved: Approval) -> Outcome:
        """Run the approved plan. Writes the database; see `migrate.apply` for what it raises."""
        shown, self._outcome, self._troubles = approved.plan, None, {}
        self.record.set(steps=[])
        if approved.runs:
            ids = ", ".join(s.revision.id for s in shown.steps)
            self.record.set(doing=f"apply: {shown.direction} {ids}")
            from ..apply import migrate

            found = self._preflight()
            done = migrate.apply(shown, found, self.policy, self.display, approved.lets_go)
            self._found = found.with_table(done.version_table)
        else:
            done = nothing(shown, approved.by)
        self._outcome = done
        self.record.set(
            doing=None,
            revisions={"before": shown.version.current or "base", "after": done.current},
        )
        self.display.lasting(done.blocks()[0].text().splitlines()[0])
        return done

    @stage
    def verify(self, outcome: Outcome) -> readback.Verified:
        """Read the version, and what Apply changed, once more on a new connection. Reads only.

        Raises NothingPersisted when the database is not where the outcome says.
        """
        return readback.verify(self._preflight(), outcome.current, changed=bool(outcome.applied))

    @stage
    def restart(self, outcome: Outcome) -> application.Command:
        """Run the target's restart command. Restarts the application, if anything was applied."""
        if not outcome.applied:
            return application.Command("Restart", "", None, "nothing was applied: not needed.")
        done = application.restart(self.target, self.display)
        self.record.journal("restart", command=done.command, exit_code=done.exit_code)
        self._troubles.pop("restart", None)
        if done.command and not done.worked:
            self._troubles["restart"] = application.not_restarted(self.target, done)
        return done

    @stage
    def health(self, outcome: Outcome) -> health.Health:
        """Poll the health URL until healthy or the deadline. Reads only.

        With nothing applied it asks once, and shows the answer whatever it is. A deploy
        raises Unhealthy at the deadline; a rollback goes on, so that what there is to
        investigate is in its record, and `finish` raises it.
        """
        deadline_s = self.values["health_deadline_s"] if outcome.applied else 0.0
        found = health.wait_healthy(self.target, deadline_s, self.display)
        self.record.set(health=asdict(found))
        self.display.lasting(found.blocks()[0].text().splitlines()[0])
        self._troubles.pop("health", None)
        if outcome.applied and found.healthy is False:
            trouble = health.unhealthy(self.target, self.direction, found)
            self._troubles["health"] = trouble
            if self.direction == "upgrade":
                raise trouble
        return found

    @stage
    def application_log(self) -> application.Command:
        """The last lines of the application's log, errors marked. Runs the logs command."""
        return application.log_tail(self.target, self.display)

    @stage
    def activity(self) -> investigation.Activity:
        """Sessions, lock waits and errors of the database now. Reads only."""
        from . import investigation

        return investigation.activity_now(self._preflight())

    @stage
    def next_steps(self, outcome: Outcome) -> investigation.Fix:
        """The commands that start the fix, filled in. Reads only."""
        from . import investigation

        return investigation.fix(self._preflight(), outcome)

    def finish(self) -> Finish:
        """Write the record's outcome. Writes the archive only.

        Raises Unhealthy when the application did not become healthy or was not restarted.
        """
        done = self._outcome
        if done is None:
            raise RunbookError(
                "this run has not been through Apply.",
                state=NOTHING_CHANGED,
                next_step="run the cells from the top, in order.",
            )
        if self._troubles:
            raise next(iter(self._troubles.values()))
        outcome, lines = "succeeded", [("Database at", done.current)]
        if not done.applied:
            outcome = "dry run" if self.values["dry_run"] and done.plan.steps else "nothing to do"
        if outcome == "dry run":
            lines.append(("To run it", approval.command(self.runbook, done.plan, self.others)))
        now = readback.clock(self.target)
        self.end()
        return self.end_well(outcome, tuple(lines), finished_by_database=now)

    def end(self) -> None:
        """End the project's workers; a cell that is run again starts new ones."""
        self._project.end()

    def facts_after_failure(self) -> Facts:
        """Where the database is now, as far as it can be read. Reads only."""
        facts: Facts = {}
        if self._found is not None:
            with contextlib.suppress(RunbookError, connections.Error):
                after = named(readback.version_rows(self._found))
                before = self.record.facts["revisions"]["before"]
                facts["revisions"] = {"before": before, "after": after}
                facts["finished_by_database"] = readback.clock(self.target)
        return facts

    def _preflight(self) -> Database:
        return self._found or self.preflight()
