"""The steps of a plan judged: the locks on what exists, and what the rules find. Reads only.

What reads SQL is imported when there is some: most deploys have nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..postgres.connections import Connection
from ..targets.settings import Target

if TYPE_CHECKING:
    from .rehearsing import Rehearsed
    from .risk import AtRisk, Relation
    from .rules import Finding, Seen
    from .step import Step


def judged(
    target: Target,
    connection: Connection,
    steps: Sequence[Step],
    risks: Sequence[AtRisk],
    lock_timeout_s: float,
    rehearsed: Rehearsed,
) -> tuple[tuple[Step, ...], tuple[Finding, ...]]:
    """The steps with the locks they take on what exists, and what the rules find in them."""
    if not steps:
        return (), ()
    from . import rules
    from .risk import columns, sizes

    effects = [e for s in steps for q in s.statements for e in q.effects]
    locks = [lock for s in steps for q in s.statements for lock in q.locks or ()]
    seen = {step.revision.id: _seen_of(step) for step in steps}
    worked = [name for by in seen.values() for q in by.values() for name in q.rewritten + q.scanned]
    names = [e.name for e in effects] + [e.table for e in effects] + [k.relation for k in locks]
    known = sizes(connection, filter(None, [*names, *worked]))
    dropped = columns(connection, effects)
    counted = {risk.table: risk.rows for risk in risks if risk.table and risk.rows is not None}
    found: list[Finding] = []
    for step in steps:
        id_ = step.revision.id
        context = rules.Context(
            direction=step.direction,
            revision=id_,
            statements=step.statements,
            source=step.revision.source,
            rows={name: counted.get(name, relation.rows) for name, relation in known.items()},
            bytes={name: relation.bytes for name, relation in known.items()},
            qualified={
                name: relation.qualified
                for name, relation in known.items()
                if not relation.qualified.startswith("public.")
            },
            lock_timeout_s=lock_timeout_s,
            sql_known=step.known,
            tried=step.tried,
            varies=step.varies,
            columns=dropped,
            seen=seen[id_],
            foretold=rehearsed.foretold(id_),
            breaks=rehearsed.breaks(id_),
            not_known=rehearsed.not_known(id_),
            not_rehearsed=rehearsed.refusal,
            without_rehearsal="warning" if target.without_rehearsal == "allow" else "danger",
            depending=tuple(q.text for q in step.expected.depending) if step.expected else (),
            unseen=_unseen(step),
        )
        found += rules.findings(context)
    return tuple(replace(step, locked=_locked(step, known)) for step in steps), tuple(found)


def _seen_of(step: Step) -> dict[str, Seen]:
    """What each statement of a step did when it was rehearsed, by its text."""
    from ..postgres import statements
    from .rules import Seen

    found: dict[str, Seen] = {}
    for leg in step.legs:
        held: dict[str, str] = {}
        for sent in leg.sent:
            effects = sent.effects
            held |= {name: mode for mode, name in effects.locks}
            touched = bool(effects.wrote or any(m != "ACCESS SHARE" for m, _ in effects.locks))
            for statement in statements.read_all([sent.text]):
                before = found.get(statement.text, Seen())
                found[statement.text] = Seen(
                    held=tuple((mode, name) for name, mode in held.items()) + before.held,
                    rewritten=effects.rewritten + before.rewritten,
                    scanned=effects.scanned + before.scanned,
                    touched=touched or before.touched,
                )
    return {} if any(s.alone for leg in step.legs for s in leg.sent) else found


def _unseen(step: Step) -> tuple[str, ...]:
    """What a step did by no statement that was seen, in words."""
    said: dict[str, None] = {}
    for leg in step.legs:
        for mode, name in leg.unseen.locks:
            if mode != "ACCESS SHARE":
                said[f"{mode} on {name}"] = None
        for name in leg.unseen.wrote:
            said[f"writes rows of {name}"] = None
    return (", ".join(said),) if said else ()


def _locked(step: Step, known: Mapping[str, Relation]) -> tuple[tuple[str, str], ...]:
    """Locks on what exists; a lock on an index is one on its table, too."""
    locks = (lock for q in step.statements for lock in q.locks or ())
    return tuple(
        (lock.mode, known[lock.relation].table) for lock in locks if lock.relation in known
    )
