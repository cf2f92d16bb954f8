"""Diagnoses of the graph: several heads, and a revision that can't be reached."""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import Branch, Checkout, Graph
from .proofs import Overlap
from .row import Diagnosis, Edit, Remedy, Sign
from .situation import Situation, Unknown, of


def _several(situation: Situation) -> Iterator[Sign]:
    graph = of(situation.graph)
    if len(graph.heads) < 2 or situation.names.revision != "head":
        return
    here = len(_branches_there(situation, graph)) > 1
    labelled = all(branch.labels for branch in graph.branches)
    if labelled and set(graph.heads) <= _applied(situation, graph):
        return
    apart = here or labelled
    shown = "; ".join(
        f"{b.head} ({b.message}; {b.file}; {len(b.revisions)} of its own)" for b in graph.branches
    )
    common = ", ".join(graph.common) or "the base"
    yield Sign(
        f"{len(graph.heads)} heads after {common}: {shown}. {overlap(situation)}",
        Remedy(
            _which(situation.overlap),
            shell=(
                situation.names.target.alembic(f'merge -m "Merge heads" {" ".join(graph.heads)}'),
            ),
            edits=tuple(in_line(situation, graph)),
        )
        if not apart
        else Remedy(
            ("this database has them side by side" if here else "branches with labels stay apart")
            + ': deploy with revision="heads" for all of them, "LABEL@head" or a head\'s id for '
            "one. To join them after all, merge.",
            shell=(situation.names.target.alembic("upgrade heads"),),
        ),
        severity="warning" if apart else None,
    )


def overlap(situation: Situation) -> str:
    """Whether the branches touch the same objects, in words, as far as it is proved."""
    found = situation.overlap
    if isinstance(found, Unknown):
        return f"Whether they touch the same tables is not known: {found.why}"
    if found.together:
        return f"Run one after the other on a throwaway database, they fail: {found.together}"
    if found.objects:
        return f"Both change {', '.join(found.objects)}"
    if found.tables:
        return f"Both change {', '.join(found.tables)}, and no part of it twice"
    return "They touch no table in common, and run one after the other"


def _which(found: Overlap | Unknown) -> str:
    if not isinstance(found, Unknown) and (found.together or found.objects):
        return (
            "they contradict each other: change one of them, after talking with its author, then "
            "let it follow the other (the edit)."
        )
    return (
        "merge them by a revision of its own; or, when the second is applied nowhere yet, let it "
        "follow the first (the edit) and need no merge."
    )


def in_line(situation: Situation, graph: Graph) -> Iterator[Edit]:
    """The edit that puts a branch behind another: one that this database does not have yet."""
    checkout = situation.checkout
    if isinstance(checkout, Unknown) or len(graph.branches) != 2:
        return
    applied = _applied(situation, graph)
    loose = [b for b in graph.branches if not applied & set(b.revisions)]
    for branch in loose[-1:]:
        other = next(b for b in graph.branches if b is not branch)
        yield from _behind(checkout, branch, other)


def _behind(checkout: Checkout, branch: Branch, other: Branch) -> Iterator[Edit]:
    first = checkout.file(branch.revisions[0]) if branch.revisions else None
    if first is not None and first.down_line and len(first.down) < 2:
        yield Edit(first.path, first.down_line, f'{first.down_start}"{other.head}"')


def _branches_there(situation: Situation, graph: Graph) -> list[Branch]:
    """The branches of which this database has a revision."""
    applied = _applied(situation, graph)
    return [branch for branch in graph.branches if applied & set(branch.revisions)]


def _applied(situation: Situation, graph: Graph) -> set[str]:
    version = situation.version
    ids = () if isinstance(version, Unknown) else version.ids
    return set(ids).union(*(graph.behind.get(id_, frozenset()) for id_ in ids))


def _no_way(situation: Situation) -> Iterator[Sign]:
    refusal, graph = situation.no_way, situation.graph
    several = not isinstance(graph, Unknown) and len(graph.heads) > 1
    if refusal is not None and not several:
        yield Sign(refusal.happened, Remedy(refusal.next_step))


ROWS = (
    Diagnosis(
        id="several-heads",
        title="The checkout has several heads",
        severity="danger",
        likelihood="certain",
        condition=(
            "`head` was asked for, and there are several: no merge follows them. Where each has "
            "a label, or the database has several of the branches already, only a warning; where "
            "each has a label and the database has them all, nothing."
        ),
        evidence="The revision graph; run.prove() builds each branch on a throwaway database.",
        remedy=(
            "alembic merge, or let one branch follow the other by its `down_revision`, or ask "
            "for `heads`."
        ),
        match=_several,
        errors=("Multiple head revisions are present", "has multiple heads", "multiple heads"),
        runbook="create_migration",
    ),
    Diagnosis(
        id="revision-not-reachable",
        title="The revision that was asked for can't be reached",
        severity="danger",
        likelihood="certain",
        condition="There is no revision of that name, or it does not lie ahead of the database.",
        evidence="The revision graph, from where the database is.",
        remedy="Name another revision; the nearest and the possible ones are listed.",
        match=_no_way,
        errors=(
            "Can't locate revision identified by",
            "No such revision or branch",
            "is ambiguous",
        ),
        runbook="deploy",
    ),
)
