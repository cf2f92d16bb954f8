"""What is said when a plan could not be run to its end. Pure but for one read of the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..errors import (
    Interrupted,
    LockTimeout,
    MigrationFailed,
    NothingPersisted,
    OutcomeUnknown,
    PlanChanged,
    RunbookError,
    RunnerBusy,
)
from ..plan.bounds import Bounds
from ..plan.plan import Plan
from ..plan.step import Step
from ..postgres import catalog
from ..project.database import Database
from ..project.history import named
from ..project.seen import FailedStatement
from ..project.worker import ProjectFailed
from ..show.render import duration, shorten
from ..targets.target import Target
from . import advice, readback
from .applied import outside
from .attempt import LOCK_NOT_AVAILABLE, Attempt, Swallowed

FIRST = "undo by hand what it committed, or it will be done twice; then "


def plan_changed(shown: Plan, again: Plan, approved: Bounds) -> PlanChanged:
    """The plan under the lock is not the one that was shown; says what differs."""
    changes = [more] if (more := again.beyond(approved)) else []
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
        else:
            changes += _other_sql(shown, step)
    if again.version == shown.version:
        changes += [f"revision {id_} is gone" for id_ in files]
    return PlanChanged(
        "what was approved is not what would run now:\n"
        + ("\n".join(changes) or "env.py, or more than the plan shows, differs"),
        state=f"nothing applied; the database is at {again.version}.",
        next_step="run again from Database, read the new plan, and approve its digest.",
    )


def _other_sql(shown: Plan, step: Step) -> list[str]:
    """The first statement of a revision that is another one than it was, in words."""
    before = next(s for s in shown.steps if s.revision.id == step.revision.id)
    old, new = Counter(before.digested), Counter(step.digested)
    if before.known != step.known:
        return [f"the SQL of {step.revision.id} is {'known' if step.known else 'unknown'} now"]
    for word, found in (("would send", new - old), ("no longer sends", old - new)):
        if found:
            return [f"{step.revision.id} {word}: {shorten(next(iter(found)), 200)}"]
    return []


def gave_up(
    found: Database,
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
        state=_state(found, left, rows) + _stays(step, attempts),
        next_step=f"{FIRST if rows else ''}end that session{end} or wait for it, then run this "
        "runbook again.",
    )


def failed(
    found: Database,
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
    python = last.failure is None and not swallowed
    who = "env.py with revision" if python and not advice.in_revision(step, last) else "revision"
    return MigrationFailed(
        found.target.mask(f"{who} {step.revision.id} failed: {_what(last)}{how}"),
        state=_state(found, left, rows) + _stays(step, attempts),
        next_step=(FIRST if rows else "")
        + advice.of(
            step, last, found.identity.user, str(found.target.project), swallowed=swallowed
        ),
    )


def _what(last: Attempt) -> str:
    statement = last.failure
    own = _text(last)
    if statement is None:
        return "it rolled its transaction back" if isinstance(last.error, Swallowed) else own
    said = f"{statement.message} (SQLSTATE {statement.sqlstate or 'none'})"
    for label, words in (("Detail", statement.detail), ("Hint", statement.hint)):
        said += f"\n  {label}: {shorten(words, 400)}" if words else ""
    said += f"\n  in: {shorten(statement.sql, 400)}\n "
    if last.of_database or isinstance(last.error, Swallowed):
        return said
    return f"{own}; the first statement that failed: {said}"


def _text(last: Attempt) -> str:
    error = last.error
    if isinstance(error, ProjectFailed):
        line = error.told["frames"][-1:] if not last.of_database else ()
        where = "".join(f" ({frame[0]}:{frame[1]})" for frame in line)
        return f"{shorten(error.words, 400)}{where}"
    return shorten(f"{type(error).__name__}: {error}", 400)


def _state(found: Database, left: catalog.Difference | None, rows: bool = False) -> str:
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


def _stays(step: Step, attempts: Sequence[Attempt]) -> str:
    """What no rollback took back, behind the state; "" for nothing."""
    done = outside(step, attempts)
    return f"\nWhat it did outside of the database stays: {'; '.join(done)}." if done else ""


def connection_lost(
    found: Database, step: Step, tried: Attempt, left: catalog.Difference | None
) -> MigrationFailed:
    """The connection died, and the revision is not in the database."""
    when = "COMMIT" if tried.during_commit else "a statement"
    said = tried.failures[0] if tried.failures else FailedStatement("", "", _text(tried), False)
    sql = f"\n  in: {shorten(said.sql, 400)}" if said.sql else ""
    return MigrationFailed(
        found.target.mask(
            f"the connection died during {when} of {step.revision.id}: {said.message}{sql}"
        ),
        state=_state(found, left) + _stays(step, [tried]),
        next_step="see in the server's log why the session ended, then run again from the top.",
    )


def outcome_unknown(target: Target, step: Step, tried: Attempt) -> OutcomeUnknown:
    """The connection died, or the server did, and the database can't be read."""
    when = "COMMIT" if tried.during_commit else "a statement"
    return OutcomeUnknown(
        f"the connection died during {when} of {step.revision.id}, and for a minute the server "
        "could not be read, or its session did not end.",
        state=f"unknown: revision {step.revision.id} is in the database, or not, or in parts that "
        "it committed itself.",
        next_step=f"when the server answers again: `{target.verb('status')}`, then run again.",
    )


def unread(target: Target, step: Step, rows: frozenset[str], error: Exception) -> OutcomeUnknown:
    """The revision's version row was read, and its schema could not be."""
    return OutcomeUnknown(
        f"revision {step.revision.id} ran without an error, and the catalog could not be read "
        f"after it: {shorten(str(error))}",
        state=f"the database is at {named(rows)}; the rest of the plan was not begun.",
        next_step=f"see `{target.verb('status')}` for who is in the way, then run again.",
    )


def interrupted(found: Database, doing: str, left: catalog.Difference | None) -> Interrupted:
    """A person interrupted the run."""
    return Interrupted(
        f"interrupted {doing}.",
        state=_state(found, left),
        next_step="run the runbook again from the top: it starts from where this is.",
    )


def lock_lost(found: Database, step: Step) -> RunnerBusy:
    """The connection that held the runner lock died."""
    return RunnerBusy(
        "the runner lock was lost: its session was ended, so another runner may begin.",
        state=f"{step.revision.id} was not begun; {readback.state(found)}",
        next_step="see who ended it (the server's log), then run again from the top.",
    )


def not_dropped(found: Database, index: catalog.InvalidIndex, tried: Attempt) -> LockTimeout:
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
    found = named(rows)
    if rows == step.after:
        happened = f"revision {step.revision.id} is stamped, and the catalog is as before it."
    else:
        happened = f"revision {step.revision.id} ran without an error and was not kept."
    return NothingPersisted(
        happened,
        state=f"the database is at {found}; catalog: {difference.summary() or 'unchanged'}.",
        next_step="see that env.py runs no statement on the connection before context.configure() "
        f"(the first one seen was: {shorten(tried.opening, 80) or 'none'}) and that the revision "
        "does not roll back by itself.",
        finding="nothing-persists",
    )


def invalid_index(
    step: Step, index: catalog.InvalidIndex, rows: frozenset[str]
) -> NothingPersisted:
    """The revision left an index that PostgreSQL maintains and never uses."""
    name = f"{index.schema}.{index.name}"
    return NothingPersisted(
        f"revision {step.revision.id} ended without an error, and its index {name} is INVALID.",
        state=f"the database is at {named(rows)}; the index costs and does not help.",
        next_step=f"REINDEX INDEX CONCURRENTLY {name};",
        finding="invalid-index",
    )
