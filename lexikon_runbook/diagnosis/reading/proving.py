"""What throwaway databases show of a situation. Reads the target's database only."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...postgres.catalog import Difference
from ...project.database import Database
from ...project.history import History
from ...rehearsal.throwaway import Throwaway
from ..evidence import Graph, Pending
from ..proofs import Trial
from ..situation import NOT_CONNECTED, Situation, Unknown
from . import known, matching, overlap, trial
from .drifted import drifted
from .matching import Candidates

NOTHING_KEPT = Unknown("env.py keeps nothing of what it runs, on a throwaway database either")
NO_ROW = Unknown("there is no version row to compare with")


def prove(found: Database, seen: Situation) -> Situation:
    """The same situation with the proofs: which revision, the pending ones tried, the branches.

    Writes throwaway databases only. What can't be built is unknown, with the reason.
    """
    graph, history, reached = seen.graph, found.known_history, found.known_identity is not None
    if not reached or history is None or isinstance(graph, Unknown):
        why = graph if reached and isinstance(graph, Unknown) else NOT_CONNECTED
        return replace(seen, match=why, drift=why, trial=why, overlap=why, models=why)
    now = _now(found, seen)
    near = known(found.target, matching.candidates, found, history, graph, now)
    if near is None:
        kept, why = Trial(graph.order, persisted=False), NOTHING_KEPT
        return replace(seen, trial=kept, match=why, drift=why, overlap=why, models=why)
    both = known(found.target, overlap.of, found, history, graph)
    if isinstance(near, Unknown):
        return replace(seen, match=near, drift=near, trial=near, models=near, overlap=both)
    return replace(_compared(found, history, seen, near, now), overlap=both)


def _now(found: Database, seen: Situation) -> str:
    """The state that the version rows name; "" without a version table beside tables."""
    at = found.known_version
    if at is None or (isinstance(seen.pending, Unknown) and not at.tracked):
        return ""
    return matching.state_of(at.ids)


@dataclass(frozen=True)
class _Here:
    """What a throwaway database at the version rows showed."""

    difference: Difference
    trial: Trial | Unknown
    models: tuple[str, ...] | Unknown


def _compared(
    found: Database,
    history: History,
    seen: Situation,
    near: Candidates,
    now: str,
) -> Situation:
    differences: dict[str, Difference] = {}
    here: _Here | Unknown = NO_ROW
    if now:
        here = known(found.target, _here, found, history, seen, near, now)
        if isinstance(here, _Here):
            differences[now] = here.difference
    for state in near.states:
        if state != now:
            made = known(found.target, _difference, found, history, near, state)
            differences |= {} if isinstance(made, Unknown) else {state: made}
    ordered = {state: differences[state] for state in near.states if state in differences}
    seen = replace(seen, match=matching.match(near, {**ordered, **differences}))
    if isinstance(here, Unknown):
        return replace(seen, drift=here, trial=here, models=here)
    drift = drifted(here.difference)
    return replace(seen, drift=drift, trial=here.trial, models=here.models)


def _difference(found: Database, history: History, near: Candidates, state: str) -> Difference:
    with matching.built(found, history, near.live, state) as empty:
        return matching.compared(near.live, empty)


def _here(found: Database, history: History, seen: Situation, near: Candidates, now: str) -> _Here:
    """The difference at the version rows; then, on the same database, what is pending."""
    with matching.built(found, history, near.live, now) as empty:
        difference = matching.compared(near.live, empty)
        if not isinstance(seen.pending, Pending):
            return _Here(difference, seen.pending, seen.pending)
        tried = known(found.target, trial.run, empty, found, history, seen.pending.ids)
        return _Here(difference, tried, _models(found, seen, tried, empty))


def _models(
    found: Database, seen: Situation, tried: Trial | Unknown, empty: Throwaway
) -> tuple[str, ...] | Unknown:
    if isinstance(tried, Unknown):
        return tried
    if tried.failed or tried.stuck or tried.left or not tried.persisted:
        return Unknown("the pending revisions do not run, up, down and up again")
    if not isinstance(seen.graph, Graph) or set(empty.rows) != set(seen.graph.heads):
        return Unknown("the models are compared at the head, and the revision asked for is before")
    return known(found.target, trial.model_changes, empty)
