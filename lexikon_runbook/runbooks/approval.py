"""Who let a plan run: its digest, the typed words, or that nothing in it needs either. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ApprovalNeeded
from ..plan import bounds
from ..plan.bounds import Bounds
from ..plan.plan import Plan
from ..record import display
from ..show.render import Block, Card, Shown


@dataclass(frozen=True)
class Approval(Shown):
    """A plan, whether it runs, and what decided that."""

    plan: Plan
    by: str
    runs: bool = True
    bounds: Bounds | None = None

    @property
    def lets_go(self) -> Bounds:
        """How many rows may go from each table at risk: as approved, else as shown."""
        return self.plan.bounds if self.bounds is None else self.bounds

    def blocks(self) -> Sequence[Block]:
        lines = [("Because", self.by)]
        if self.plan.steps:
            lines.append(("Digest", self.plan.digest))
        title = "Approval: the plan may run" if self.runs else "Approval: nothing will run"
        return [Card(title, lines, "good" if self.runs else "plain")]


def decide(
    runbook: str, shown: Plan, given: str, *, dry_run: bool, others: Mapping[str, Any] | None = None
) -> Approval:
    """Let the plan run, or refuse. Asks the person in JupyterLab; changes nothing.

    `others` are the further parameters of this run, for the command that is advised. Raises
    ApprovalNeeded when the plan needs its digest and `given` is not it, TargetUnsuitable for a
    plan that could not run whoever approved it.
    """
    if not shown.steps:
        return Approval(shown, "nothing to do", runs=False)
    if dry_run:
        return Approval(shown, "dry run: nothing will be changed", runs=False)
    if shown.frozen is not None:
        raise shown.frozen
    approved = bounds.read(given)
    if approved is not None and approved[0] == shown.fixed:
        return _within(runbook, shown, approved[1], others or {})
    again = command(runbook, shown, others or {})
    read = _read(shown, str((others or {}).get("x", "")))
    if re.fullmatch(r"[0-9a-f]{64}", given):
        raise _needed(
            "approve holds a digest that version 0.1 made, which fixed less; plan again. The plan "
            "now",
            shown,
            read,
            again,
        )
    if given:
        raise _needed(
            "approve does not hold the digest of this plan: it was mistyped, or the database, the "
            "revision files or the SQL changed since it was given. The plan now",
            shown,
            read,
            again,
        )
    if not shown.needs_approval:
        return Approval(shown, "no danger was found, and the target is open")
    phrase = f"{shown.target} {shown.destination}"
    if display.asked(f"Type `{phrase}` to let this plan run (anything else stops): ") == phrase:
        return Approval(shown, "typed in this notebook, under the plan")
    raise _needed("this plan runs only when it was approved", shown, read, again)


def _within(runbook: str, shown: Plan, approved: Bounds, others: Mapping[str, Any]) -> Approval:
    """The digest is this plan's: whether no more rows would go than it lets."""
    if more := shown.beyond(approved):
        read = _read(shown, str(others.get("x", "")))
        again = command(runbook, shown, others)
        raise _needed(
            f"more rows would go than were approved: {more}. The plan now", shown, read, again
        )
    return Approval(shown, "approve holds this plan's digest", bounds=approved)


def _needed(happened: str, shown: Plan, read: str, again: str) -> ApprovalNeeded:
    reasons = [f"{f.revision}: {f.detail}" for f in shown.dangers]
    if shown.direction == "downgrade":
        others = [f for f in shown.dangers if not f.rule.id.startswith("drop-")]
        reasons = [*shown.losses, *(f"{f.revision}: {f.detail}" for f in others)]
    if not reasons:
        reasons = [f"nothing is at risk (target {shown.target} is {_protection(shown)})"]
    return ApprovalNeeded(
        f"{happened}:\n  " + "\n  ".join(reasons),
        state=f"nothing was changed; the database is at {shown.version}.",
        next_step=f"read the plan (in the notebook, or: {read}); to run exactly it:\n  {again}",
    )


def _read(shown: Plan, x: str) -> str:
    """The command that shows this plan, with the run's own -x values."""
    given = f" -x {shlex.quote(x)}" if x else ""
    return f"lexikon-runbook plan --target {shown.target}{given} --revision {_revision(shown)}"


def _protection(shown: Plan) -> str:
    return "protected" if shown.protected else "open"


def _revision(shown: Plan) -> str:
    return shlex.quote(shown.revision)


def command(runbook: str, shown: Plan, others: Mapping[str, Any]) -> str:
    """The command that runs exactly this plan, with the run's other parameters."""
    words = [f"lexikon-runbook run {runbook} -p target={shown.target}"]
    words += [f"-p revision={_revision(shown)}", f"-p approve={shown.digest}"]
    words += [f"-p {name}={shlex.quote(str(value))}" for name, value in others.items()]
    return " ".join(words)
