"""A way run on one shadow, as it would run live, and what was seen of it.

Writes the shadow only. What a revision raises is part of what is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import HistoryError, NotBuilt
from ..postgres.connections import Connection
from ..project import failures
from ..project.process import Message
from ..project.seen import Outside, Seen
from ..project.ways import Move
from ..project.worker import ProjectFailed, WorkerDied
from .building import BUILDING
from .observed import Effects, Failed, Leg, Run, Sent, Whole
from .shadow import NotRehearsed
from .structures import Structure
from .throwaway import Throwaway


class Hangs(Exception):
    """A revision says nothing any more: it would be so when it is read, too, and when it runs."""

    def __init__(self, refusal: HistoryError) -> None:
        super().__init__(refusal.happened)
        self.refusal = refusal


class Running:
    """Follows one worker through the revisions of a way.

    `reader` is a connection to the shadow, by which the structure is read after each of them.
    """

    def __init__(
        self, shadow: Throwaway, way: Sequence[Move], reader: Connection | None = None
    ) -> None:
        self.shadow, self.way, self.reader = shadow, way, reader
        self.building = shadow.building
        self.legs: list[Leg] = []
        self.sent: list[Sent] = []
        self.statement: Message | None = None
        self.revision = ""
        self.whole, self.unseen = Whole(), Effects()
        self.tried = 0

    def run(self, settings: Mapping[str, str], silent_s: float, *, ahead: bool) -> Run:
        """Run every revision, with those settings of a session; `ahead`: by another clock.

        Raises NotRehearsed where env.py can't be run there, Hangs where a revision says nothing
        for `silent_s`.
        """
        try:
            self._take()
            own = BUILDING.settings(self.shadow.identity.version_number)
            self.building.worker.post(
                "migrate",
                deadline_s=silent_s,
                settings={**settings, **own},
                asking=False,
                traced=True,
                ahead=ahead,
                bounds=self.shadow.building.of.bounds,
            )
            told = self.building.worker.answer(self._on, deadline_s=silent_s)
            if not told["called"]:
                raise failures.without_migrations(self.building.of)
        except (ProjectFailed, WorkerDied, HistoryError, NotBuilt) as error:
            return self._failed(error)
        self._end_leg()
        return Run(tuple(self.legs))

    def _take(self) -> None:
        ids = [move.revision.id for move in self.way]
        rows = sorted(self.way[0].before)
        self.building.take(self.way[0].direction, rows, ids=ids)

    def _on(self, message: Message) -> Mapping[str, Any] | None:
        note = getattr(self, f"_on_{message['is']}", None)
        return note(message) if note is not None else None

    def _on_step(self, message: Message) -> Mapping[str, Any]:
        self._end_leg()
        self.revision = str(message["revision"])
        return {"settings": BUILDING.settings(self.shadow.identity.version_number)}

    def _on_statement(self, message: Message) -> None:
        self.statement = message
        self.shadow.sent(str(message["sql"]))

    def _on_sent(self, message: Message) -> None:
        told, self.statement = self.statement, None
        if told is not None and self.revision and not told["of_env_py"] and not told["of_alembic"]:
            self.sent.append(Sent.told(told, message))

    def _on_applied(self, message: Message) -> None:
        self.whole = Whole.told(message["whole"]).without(self.shadow.version_table)
        self.unseen = Effects.told(message["unseen"])

    def _end_leg(self) -> None:
        """The revision that ran is over: what was seen since it began is its own."""
        if not self.revision:
            return
        seen = self.building.started.seen
        tried = [*seen.refused, *seen.outside]
        self.legs.append(
            Leg(
                revision=self.revision,
                sent=tuple(self.sent),
                whole=self.whole,
                unseen=self.unseen,
                tried=tuple(dict.fromkeys(tried[self.tried :])),
                after=Structure.read(self.reader) if self.reader else None,
            )
        )
        self.revision, self.sent, self.tried = "", [], len(tried)
        self.whole, self.unseen = Whole(), Effects()

    def _failed(self, error: Exception) -> Run:
        if not self.revision:
            happened = getattr(error, "happened", "") or _words(error)
            raise NotRehearsed(f"env.py failed on the shadow: {self.building.of.mask(happened)}")
        if isinstance(error, HistoryError):
            raise Hangs(error)
        revision, seen = self.revision, self.building.started.seen
        failed = Failed(revision, self.building.of.mask(_words(error)), _statement(error, seen))
        self._end_leg()
        return Run(tuple(self.legs), failed)


def _words(error: Exception) -> str:
    return (
        error.words if isinstance(error, ProjectFailed) else str(getattr(error, "happened", error))
    )


def _statement(error: Exception, seen: Seen) -> Any:
    """The statement whose error ended it; None where it was not the server's."""
    if not isinstance(error, ProjectFailed) or not (error.told["of_database"] or error.sqlstate):
        return None
    real = [each for each in seen.failures if each.sqlstate != "25P02"]
    return real[-1] if real else None


def of_revision(tried: Outside, move: Move) -> bool:
    """Whether it was that revision's own code. Pure."""
    return tried.file == str(move.revision.file)
