"""Whether a plan was rehearsed, what that foretells, and what it would lose. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..postgres.catalog import Catalog
from ..postgres.connections import Connection
from ..project.database import Database
from ..project.ways import Move
from ..show.render import shorten

if TYPE_CHECKING:
    from ..rehearsal.observed import Failed
    from ..rehearsal.probes import Answer
    from ..rehearsal.rehearsal import Rehearsal

# What a row that was made up violates, one of the database's own need not: probes tell.
OF_ROWS = ("22", "23")
REFERRED_TO = "23503"  # foreign_key_violation: of a DELETE, that rows refer to those that go


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsal, or why there is none and what would mend that; neither where none is needed.

    `fails` is what it ended with, with the revision; `answers` what the rows of the database say.
    """

    done: Rehearsal | None = None
    why_not: str = ""
    mend: str = ""
    fails: Failed | None = None
    answers: tuple[Answer, ...] = ()

    def __str__(self) -> str:
        if self.why_not:
            return f"no: {self.why_not}" + (f"; {self.mend}" if self.mend else "")
        if self.done is None:
            return "not needed: no table has a row"
        return "on a shadow without rows, and on one with a row in each table"

    @property
    def refusal(self) -> str:
        """Why it was not rehearsed, and what would mend that, a line each; "" where it was.

        Nor where it is said already what it fails with.
        """
        if self.fails is not None:
            return ""
        return "\n".join(filter(None, (self.why_not, self.mend)))

    def foretold(self, revision: str) -> tuple[str, ...]:
        """What will go wrong at that revision, in words. Pure."""
        words = [_failing(self.fails)] if self.fails and self.fails.revision == revision else []
        hits = [each for each in self.answers if each.rows is not None and not each.probe.later]
        return (*words, *(str(each) for each in hits if self._at(each) == revision))

    def breaks(self, revision: str) -> tuple[str, ...]:
        """What the application can't do any more after that revision, in words. Pure."""
        hits = [each for each in self.answers if each.rows is not None and each.probe.later]
        return tuple(str(each) for each in hits if self._at(each) == revision)

    def not_known(self, revision: str) -> tuple[str, ...]:
        """What could not be asked of the rows that the revision needs to fit, in words. Pure."""
        open_ = [each for each in self.answers if each.rows is None]
        return tuple(str(each) for each in open_ if self._at(each) == revision)

    def _at(self, answer: Answer) -> str:
        """The first revision after which that question is to be asked; else the last of all."""
        from ..rehearsal import probes

        assert self.done is not None
        legs = self.done.legs_of_one_run
        for leg in legs:
            if leg.after and answer.probe in probes.derived(self.done.before, leg.after):
                return leg.revision
        return legs[-1].revision if legs else ""


def _failing(failed: Failed) -> str:
    """The statement, and all that the server said of it."""
    first = failed.statement
    if first is None:
        return failed.words
    said = f"{shorten(first.sql, 200)} - {first.message} ({first.sqlstate})"
    for name, text in (("DETAIL", first.detail), ("HINT", first.hint)):
        said += f"; {name}: {shorten(text, 300)}" if text else ""
    return f"fails on a shadow of the database: {said}"


def of(found: Database, connection: Connection, way: Sequence[Move], live: Catalog) -> Rehearsed:
    """Rehearse a way where there is anything to lose. Reads the target's database.

    Writes the server for throwaway databases.
    """
    if not way or not found.holds_rows:
        return Rehearsed()
    from ..rehearsal import probes, rehearsal
    from ..rehearsal.shadow import NotRehearsed

    try:
        done = rehearsal.rehearse(found, way, live)
    except NotRehearsed as error:
        return Rehearsed(why_not=error.why, mend=error.mend)
    if not done.through:
        return _failed(done)
    answers = probes.ask(connection, done.before, done.after)
    return Rehearsed(done, fails=_only_with_rows(done), answers=answers)


def _failed(done: Rehearsal) -> Rehearsed:
    """It got through on neither shadow: the server refused a statement, or its own code stopped."""
    failed = done.empty.failed or done.filled.failed
    assert failed is not None
    if failed.statement is None:
        said = shorten(failed.words, 200)
        return Rehearsed(
            why_not=f"{failed.revision} ended with {said} on a shadow, which has none of the rows"
        )
    why = f"{failed.revision} fails on a shadow, so what follows was not seen"
    return Rehearsed(why_not=why, fails=failed)


def _only_with_rows(done: Rehearsal) -> Failed | None:
    """What fails as soon as there are rows, whatever they are."""
    failed = done.filled.failed
    if failed is None or failed.statement is None:
        return None
    state, sql = failed.statement.sqlstate, failed.statement.sql.lstrip().upper()
    referred = state == REFERRED_TO and sql.startswith("DELETE")
    return None if state.startswith(OF_ROWS) and not referred else failed
