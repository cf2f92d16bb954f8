"""The revision graph as the diagnoses look at it. Pure."""

from __future__ import annotations

from types import MappingProxyType

from ...project.history import History
from ...targets.settings import Target
from ..evidence import Branch, Graph
from .files import relative


def of(target: Target, history: History) -> Graph:
    """Order, heads, what is behind each, and the branches when there are several heads. Pure."""
    behind: dict[str, frozenset[str]] = {}
    for revision in history.revisions:
        before = [id_ for id_ in revision.needs if id_ in behind]
        behind[revision.id] = frozenset(before).union(*(behind[id_] for id_ in before))
    order = tuple(revision.id for revision in history.revisions)
    if len(history.heads) < 2:
        return Graph(order, history.heads, MappingProxyType(behind))
    whole = {head: behind[head] | {head} for head in history.heads}
    shared = frozenset.intersection(*whole.values())
    inner = frozenset().union(*(behind[id_] for id_ in shared))
    return Graph(
        order,
        history.heads,
        MappingProxyType(behind),
        tuple(_branch(target, history, head, whole, order) for head in history.heads),
        tuple(id_ for id_ in order if id_ in shared - inner),
    )


def _branch(
    target: Target,
    history: History,
    head: str,
    whole: dict[str, frozenset[str]],
    order: tuple[str, ...],
) -> Branch:
    others = frozenset().union(*(ids for other, ids in whole.items() if other != head))
    own = tuple(id_ for id_ in order if id_ in whole[head] - others)
    revision = history.revision(head)
    return Branch(head, revision.message, relative(target, revision.file), own, revision.labels)
