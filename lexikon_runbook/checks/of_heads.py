"""Diagnoses of the graph: several heads, and a revision that can't be reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .diagnosis import Diagnosis, Edit, Remedy, Sign
from .evidence import Branch, Checkout, Graph
from .proofs import Overlap
from .situation import Situation, Unknown, of


def _several(situation: Situation) -> Iterator[Sign]:
    graph = of(situation.graph)
    if len(graph.heads) < 2:
        return
    shown = "; ".join(
        f"{b.head} ({b.message}; {b.file}; {len(b.revisions)} of its own)" for b in graph.branches
    )
    common = ", ".join(graph.common) or "the base"
    yield Sign(
        f"{len(graph.heads)} heads after {common}: {shown}. {overlap(situation)}",
        Remedy(
            _which(graph.branches, situation.overlap),
            shell=(f'{situation.names.alembic} merge -m "Merge heads" {" ".join(graph.heads)}',),
            edits=tuple(in_line(situation, graph)),
        ),
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


def _which(branches: Sequence[Branch], found: Overlap | Unknown) -> str:
    if all(branch.labels for branch in branches):
        return (
            "branches with labels may stay apart: `alembic upgrade heads` runs them all. To join "
            "them, merge."
        )
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
        "several-heads",
        "The checkout has several heads",
        "danger",
        "certain",
        "Two revisions or more follow the same one, and no merge follows them.",
        "The revision graph; run.prove() builds each branch on a throwaway database.",
        "alembic merge, or let one branch follow the other by its `down_revision`.",
        _several,
        ("Multiple head revisions are present", "has multiple heads", "multiple heads"),
        "create_migration",
    ),
    Diagnosis(
        "revision-not-reachable",
        "The revision that was asked for can't be reached",
        "danger",
        "certain",
        "There is no revision of that name, or it does not lie ahead of the database.",
        "The revision graph, from where the database is.",
        "Name another revision; the nearest and the possible ones are listed.",
        _no_way,
        ("Can't locate revision identified by", "No such revision or branch", "is ambiguous"),
        "deploy",
    ),
)
