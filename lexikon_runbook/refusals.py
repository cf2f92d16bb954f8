"""What is said when a plan could not be run to its end. Pure but for one read of the state."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from . import catalog, readback
from .attempt import LOCK_NOT_AVAILABLE, Attempt
from .errors import (
    Interrupted,
    LockTimeout,
    MigrationFailed,
    NothingPersisted,
    OutcomeUnknown,
    PlanChanged,
    RunbookError,
    RunnerBusy,
)
from .plan import Plan
from .preflight import Preflight
from .render import duration, shorten
from .step import Step
from .watch import FailedStatement, Swallowed

STATEMENT_CANCELED = "57014"
FIRST = "undo by hand what it committed, or it will be done twice; then "


def plan_changed(shown: Plan, again: Plan) -> PlanChanged:
    """The plan under the lock is not the one that was shown; says what differs."""
    changes = []
    if again.version != shown.version:
        changes.append(f"the database moved from {shown.version} to {again.version}")
    if difference := catalog.difference(shown.catalog, again.catalog):
        changes.append(str(difference))
    files = {s.revision.id: s.revision.checksum for s in shown.steps}
    for step in again.steps:
        known = files.pop(step.revision.id, None)
        if known != step.revision.checksum:
            what = "was edited" if known else "was added"
            changes.append(f"{step.revision.file.name} {what}")
    if again.version == shown.version:
        changes += [f"revision {id_} is gone" for id_ in files]
    return PlanChanged(
        "what was approved is not what would run now:\n"
        + ("\n".join(changes) or "the SQL of the plan differs"),
        state=f"nothing applied; the database is at {again.version}.",
        next_step="run again from Preflight, read the new plan, and approve its digest.",
    )


def gave_up(
    found: Preflight,
    step: Step,
    attempts: Sequence[Attempt],
    left: catalog.Difference | None,
    rows: bool,
) -> LockTimeout:
    """Every try ended in a lock timeout or a deadlock."""
    last = attempts[-1]
    times = f"{len(attempts)} x {duration(max(a.waited_s for a in attempts))}"
    how = f"waited {times} for {last.waited_for or 'a lock'}"
    if last.failure is not None and last.failure.sqlstate != LOCK_NOT_AVAILABLE:
        how = f"gave way to a deadlock after {times} of waiting"
    blockers = "\n  ".join(last.blocked_by) or "a session that has ended since"
    end = f" ({last.blockers[0].end_with})" if last.blockers else ""
    return LockTimeout(
        f"revision {step.revision.id} {how}.\n  Blocked by: {blockers}",
        state=_state(found, left, rows),
        next_step=f"{FIRST if rows else ''}end that session{end} or wait for it, then run this "
        "runbook again.",
    )


def failed(
    found: Preflight,
    step: Step,
    attempts: Sequence[Attempt],
    left: catalog.Difference | None,
    rows: bool,
) -> MigrationFailed:
    """A statement of the revision failed, or its Python did."""
    last = attempts[-1]
    swallowed = isinstance(last.error, Swallowed)
    if swallowed:
        how = " The revision caught the error and went on; what it had done before was lost."
    else:
        how = ""
    return MigrationFailed(
        found.target.mask(f"revision {step.revision.id} failed: {_what(last)}{how}"),
        state=_state(found, left, rows),
        next_step=(FIRST if rows else "") + _advice(step, last, swallowed),
    )


def _what(last: Attempt) -> str:
    statement = last.failure
    own = f"{type(last.error).__name__}: {_text(last)}"
    if statement is None:
        return "it rolled its transaction back" if isinstance(last.error, Swallowed) else own
    said = f"{statement.message} (SQLSTATE {statement.sqlstate or 'none'})"
    said += f"\n  in: {shorten(statement.sql, 400)}\n "
    of_database = isinstance(last.error, Swallowed | DBAPIError)
    return said if of_database else f"{own}; the first statement that failed: {said}"


def _text(last: Attempt) -> str:
    return shorten(str(last.error), 400)


def _advice(step: Step, last: Attempt, swallowed: bool) -> str:
    file, statement = step.revision.file.name, last.failure
    if swallowed and statement is None:
        return f"take the rollback out of {file}, then run again."
    if swallowed:
        return f"let {file} fail: take the try/except out, or put the statement in a SAVEPOINT."
    if statement is not None and statement.sqlstate == STATEMENT_CANCELED:
        return "raise statement_timeout_s, or split the statement into smaller ones; run again."
    return f"mend {file} (it is not applied, so it may be edited), then run again."


def _state(found: Preflight, left: catalog.Difference | None, rows: bool = False) -> str:
    state = readback.state(found)
    if left is None:
        return state
    if rows and not left:
        return (
            f"part of the revision is committed (rows, not schema), and its version is not; {state}"
        )
    if not left:
        return f"nothing of the revision stayed; {state}"
    return f"part of the revision is committed, and its version is not; {state}\n{left}"


def connection_lost(
    found: Preflight, step: Step, tried: Attempt, left: catalog.Difference | None
) -> MigrationFailed:
    """The connection died, and the revision is not in the database."""
    when = "COMMIT" if tried.during_commit else "a statement"
    said = tried.failures[0] if tried.failures else FailedStatement("", "", _text(tried), False)
    sql = f"\n  in: {shorten(said.sql, 400)}" if said.sql else ""
    return MigrationFailed(
        found.target.mask(
            f"the connection died during {when} of {step.revision.id}: {said.message}{sql}"
        ),
        state=_state(found, left),
        next_step="see in the server's log why the session ended, then run again from the top.",
    )


def outcome_unknown(step: Step, tried: Attempt) -> OutcomeUnknown:
    """The connection died, or the server did, and the database can't be read."""
    when = "COMMIT" if tried.during_commit else "a statement"
    return OutcomeUnknown(
        f"the connection died during {when} of {step.revision.id}, and for a minute the server "
        "could not be read, or its session did not end.",
        state=f"unknown: revision {step.revision.id} is in the database, or not, or in parts that "
        "it committed itself.",
        next_step="when the server answers again: `lexikon-runbook status`, then run again.",
    )


def unread(step: Step, rows: frozenset[str], error: Exception) -> OutcomeUnknown:
    """The revision's version row was read, and its schema could not be."""
    return OutcomeUnknown(
        f"revision {step.revision.id} ran without an error, and the catalog could not be read "
        f"after it: {shorten(str(error))}",
        state=f"the database is at {readback.named(rows)}; the rest of the plan was not begun.",
        next_step="see `lexikon-runbook status` for who is in the way, then run again.",
    )


def interrupted(found: Preflight, doing: str, left: catalog.Difference | None) -> Interrupted:
    """A person interrupted the run."""
    return Interrupted(
        f"interrupted {doing}.",
        state=_state(found, left),
        next_step="run the runbook again from the top: it starts from where this is.",
    )


def lock_lost(found: Preflight, step: Step) -> RunnerBusy:
    """The connection that held the runner lock died."""
    return RunnerBusy(
        "the runner lock was lost: its session was ended, so another runner may begin.",
        state=f"{step.revision.id} was not begun; {readback.state(found)}",
        next_step="see who ended it (the server's log), then run again from the top.",
    )


def not_dropped(found: Preflight, index: catalog.InvalidIndex, tried: Attempt) -> LockTimeout:
    """An invalid index in the way of the plan could not be dropped."""
    blockers = "\n  ".join(tried.blocked_by) or "nobody any more"
    end = f"end that session ({tried.blockers[0].end_with})" if tried.blockers else "mend that"
    why = tried.failure.message if tried.failure else _text(tried)
    return LockTimeout(
        f"the invalid index {index.schema}.{index.name} could not be dropped: {why}."
        f"\n  Blocked by: {blockers}",
        state=f"no revision was begun; {readback.state(found)}",
        next_step=f"{end}, then run this runbook again.",
    )


def nothing_persisted(
    step: Step, tried: Attempt, rows: frozenset[str], difference: catalog.Difference
) -> RunbookError:
    """The revision ran without an error, and the database does not hold it."""
    found = readback.named(rows)
    if rows == step.after:
        happened = f"revision {step.revision.id} is stamped, and the catalog is as before it."
    else:
        happened = f"revision {step.revision.id} ran without an error and was not kept."
    first = tried.statements[0][0] if tried.statements else ""
    return NothingPersisted(
        happened,
        state=f"the database is at {found}; catalog: {difference.summary() or 'unchanged'}.",
        next_step="see that env.py runs no statement on the connection before context.configure() "
        f"(the first one seen was: {shorten(first, 80) or 'none'}) and that the revision does not "
        "roll back by itself.",
    )


def invalid_index(
    step: Step, index: catalog.InvalidIndex, rows: frozenset[str]
) -> NothingPersisted:
    """The revision left an index that PostgreSQL maintains and never uses."""
    name = f"{index.schema}.{index.name}"
    return NothingPersisted(
        f"revision {step.revision.id} ended without an error, and its index {name} is INVALID.",
        state=f"the database is at {readback.named(rows)}; the index costs and does not help.",
        next_step=f"REINDEX INDEX CONCURRENTLY {name};",
    )
