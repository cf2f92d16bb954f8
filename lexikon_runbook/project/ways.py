"""The way from version rows to a revision: Alembic's own steps, asked of it in the worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import UnknownRevision
from ..targets.settings import Target
from .failures import died
from .history import PLACES, Direction, History, Revision, named, refuse, require_one_head
from .process import Message
from .worker import ProjectFailed, Worker, WorkerDied


@dataclass(frozen=True)
class Move:
    """One revision of a way, up or down, with the version rows before and after it."""

    revision: Revision
    direction: Direction
    before: frozenset[str]
    after: frozenset[str]


def way(
    history: History, worker: Worker, direction: Direction, to: str, rows: Iterable[str]
) -> tuple[Move, ...]:
    """Alembic's own steps from these version rows to that place, in the order they run.

    Changes nothing. Raises UnknownRevision when there is no such way, and HistoryError for a
    revision on it that lacks the function.
    """
    here = tuple(sorted(rows))
    text = history.resolved(to)
    walk = history.walk(text, here)
    _right_way(direction, text)
    if direction == "upgrade" and text == "head" and len(history.heads) > 1:
        require_one_head(history)
    try:
        told = worker.ask("steps", direction=direction, to=text, rows=list(here))
    except ProjectFailed as error:
        if all(lacking := error.lacks(direction)):
            raise _lacks(history.target, *lacking) from None
        why = (walk and walk.why) or str(error.told["message"]) or "it lies the other way"
        raise _no_way(history, direction, to, here, why) from error
    except WorkerDied as error:
        raise died(history.target, error) from None
    found = moves(history, direction, told)
    if not found and not _is_there(history, text, here):
        led = f"it leads to {walk.at or 'base'}, which" if walk and not walk.why else "it"
        raise _no_way(history, direction, to, here, f"{led} lies the other way")
    return found


def _is_there(history: History, text: str, here: Sequence[str]) -> bool:
    """Whether nothing is to be done because that place is where the database is."""
    if walk := history.walk(text, here):
        return walk.at in (here or ("",))
    return text in PLACES or "@" in text or text in here


def moves(history: History, direction: Direction, told: Message) -> tuple[Move, ...]:
    """The steps as the worker tells them. Pure."""
    return tuple(
        Move(
            revision=history.revision(step["revision"]),
            direction=direction,
            before=frozenset(step["before"]),
            after=frozenset(step["after"]),
        )
        for step in told["steps"]
    )


def _lacks(target: Target, file: str, function: str) -> UnknownRevision:
    happened = f"{file} has no function {function}()."
    advice = f"write it; where there is nothing to do: def {function}() -> None: pass"
    return refuse(target.mask(happened), advice)


def _no_way(
    history: History, direction: Direction, destination: str, rows: Sequence[str], why: str
) -> UnknownRevision:
    there, way, other = list(history.pending(rows)), "after", "rollback"
    if direction == "downgrade":
        behind = [r.id for r in history.applied(rows) if r.id not in rows]
        there, way, other = [*behind, "base"], "before", "deploy"
    choice = f"choose one {way} it ({', '.join(there[:5])})" if there else f"none is {way} it"
    last = f", or run {other}.ipynb" if there else f"; run {other}.ipynb"
    if direction == "upgrade" and len(history.heads) > 1:
        choice += f"; revision=heads goes to all heads ({', '.join(history.heads)})"
    return refuse(
        f"{direction} from {named(rows)} to {destination!r} is not possible: {why.rstrip('.')}.",
        f"{choice}{last} to go the other way.",
    )


def _right_way(direction: Direction, text: str) -> None:
    place = text.rpartition("@")[2]
    if direction == "upgrade" and (place == "base" or place.startswith("-")):
        raise refuse(f"deploy only goes forward; {text!r} goes back.", "run rollback.ipynb.")
    if direction == "downgrade" and (place in ("head", "heads") or place.startswith("+")):
        raise refuse(f"rollback only goes back; {text!r} goes forward.", "run deploy.ipynb.")
