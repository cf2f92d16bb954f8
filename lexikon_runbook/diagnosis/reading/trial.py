"""The pending revisions on a throwaway database: up, down and up again."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import NotBuilt
from ...postgres import catalog
from ...postgres.catalog import Catalog
from ...project.database import Database
from ...project.history import History
from ...rehearsal.throwaway import Throwaway
from ...schema import drift
from ..proofs import Left, Trial
from .drifted import drifted
from .files import relative

MOST = 10
"""How many pending revisions go down and up again; the others go up only."""


NOT_THERE = ("0A000", "58P01")
"""feature_not_supported, undefined_file: an extension that the throwaway server does not have says
nothing about the target's."""


def run(empty: Throwaway, found: Database, history: History, ids: Sequence[str]) -> Trial:
    """Run these revisions, in order, on a database that is where the target's is.

    Ends at the first that fails, or that can't be run again. Writes the throwaway database only.
    Raises NotBuilt for what only the throwaway server lacks.
    """
    before, left = empty.catalog(), list[Left]()
    for number, id_ in enumerate(ids[:MOST]):
        file = relative(found.target, history.revision(id_).file)
        rows = empty.rows
        try:
            after = _up(empty, id_)
        except NotBuilt as error:
            if _of_the_server(error):
                raise
            return Trial(tuple(ids[:number]), True, id_, file, said(error), tuple(left))
        tried = tuple(ids[: number + 1])
        if empty.rows == rows:
            return Trial((id_,), persisted=False)
        made, stuck = _back_and_up(empty, id_, file, before)
        left += made
        if stuck:
            return Trial(tried, left=tuple(left), stuck=() if made else (stuck,))
        before = after
    return _the_rest(empty, found, history, ids, tuple(left))


def _the_rest(
    empty: Throwaway, found: Database, history: History, ids: Sequence[str], left: tuple[Left, ...]
) -> Trial:
    """The later revisions, up only, in one run of env.py."""
    if not ids[MOST:]:
        return Trial(tuple(ids), left=left)
    done: list[str] = []
    try:
        empty.after_each(ids[MOST:], lambda id_, _connection: done.append(id_))
    except NotBuilt as error:
        if _of_the_server(error):
            raise
        before = MOST + len(done)
        file = relative(found.target, history.revision(ids[before]).file)
        return Trial(tuple(ids[:before]), True, ids[before], file, said(error), left)
    return Trial(tuple(ids), left=left)


def _of_the_server(error: NotBuilt) -> bool:
    return error.of_server or error.sqlstate in NOT_THERE


def _up(empty: Throwaway, id_: str) -> Catalog:
    empty.forth(id_)
    return empty.catalog()


def _back_and_up(
    empty: Throwaway, id_: str, file: str, before: Catalog
) -> tuple[list[Left], tuple[str, str, str] | None]:
    """What its downgrade left, and why the revision could not be undone or run again."""
    left: list[Left] = []
    try:
        empty.back(id_)
        difference = catalog.difference(before, empty.catalog())
        left += [Left(id_, file, drifted(difference))] if difference else []
        _up(empty, id_)
    except NotBuilt as error:
        return left, (id_, file, said(error))
    return left, None


def said(error: NotBuilt) -> str:
    """What stopped the migrations, without that they ran on an empty database. Pure."""
    return error.happened.partition("on an empty database: ")[2] or error.happened


def model_changes(empty: Throwaway) -> tuple[str, ...]:
    """What the models say that a throwaway database at the head has not. Reads only.

    Nothing where env.py gives no models: none of them is ahead.
    """
    return drift.of_throwaway(empty).changes or ()
