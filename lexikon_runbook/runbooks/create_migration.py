"""The stages of create_migration: from a changed model to a reviewed and proved revision file."""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..authoring import base, commands, comparing, drafting, models, proof, review, writing
from ..authoring.base import Base
from ..authoring.commands import Commands
from ..authoring.comparing import Changes
from ..authoring.evidence import Evidence, gather
from ..authoring.proof import Proof
from ..authoring.review import Review
from ..authoring.writing import Written
from ..errors import NOTHING_CHANGED, NotProved, RunbookError
from ..project.history import History, Revision, named
from ..project.project import Project
from ..record.ending import Finish
from ..rehearsal.throwaway import Throwaway
from ..show.render import Block, Card, Shown
from .parameters import text
from .stages import Run, stage

UNWRITTEN = Written(None, "run.write(message) has not been run")
NO_CHANGE = "the models are what the migrations produce: there is nothing to write"
NO_MESSAGE = "message is empty: this run only shows what would change"
NONE = "there is no revision: the cell that writes says why"


@dataclass(frozen=True)
class Nothing(Shown):
    """A stage that had nothing to do."""

    what: str

    def blocks(self) -> Sequence[Block]:
        return [Card(f"{self.what}: nothing to do", [("Because", NONE)])]


class Creating(Run):
    """A run that writes, reviews and proves one revision file; the target is only read."""

    passed = ("message", "revision", "reason")

    def __init__(self, runbook: str, values: Mapping[str, Any], *given: Any) -> None:
        super().__init__(runbook, values, *given)
        self._project = Project(self.target)
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)
        self._built: tuple[Base, Throwaway] | None = None
        self._changes: Changes | None = None
        self._written = UNWRITTEN
        self._revision: Revision | None = None
        self._evidence: Evidence | None = None
        self._review: Review | None = None
        self._proof: Proof | None = None

    def blocks(self) -> Sequence[Block]:
        lines = [
            ("Project", str(self.target.ini)),
            ("Models", self.values["models"] or "target_metadata of env.py"),
            ("Message", self.values["message"] or "none: nothing will be written"),
            ("Sizes", f"of the tables in target {self.target.name}, which is only read"),
        ]
        if self.values["revision"]:
            lines[2] = ("Revision", f"{self.values['revision']}: reviewed and proved, not written")
        return [Card(f"{self.runbook} for the project of target {self.target.name}", lines)]

    @stage
    def base(self) -> Base:
        """Build what the migrations alone produce. Writes a throwaway database only."""
        self._drop()
        self._changes = self._evidence = self._review = self._proof = None
        found, reviewed = base.read(self._project, self._asked())
        self._revision = reviewed or self._own(found)
        making = base.built(self.target, found, self._revision, reviewed is not None)
        made = self._built = self._open.enter_context(making)
        self.display.lasting(f"base: {named(made[0].at)}, {made[0].revisions} revisions")
        return made[0]

    @stage
    def changes(self) -> Changes:
        """What the models change against the base, which is built again where they were edited.

        Reads only. A revision that is reviewed needs no models, a new one does.
        """
        if drafting.stale(self._base()[1]):
            self.base()
        made, database = self._base()
        found = self._changes = comparing.changes(database, self.values["models"])
        if found.unlooked and made.reviewed is None:
            raise models.missing()
        self.display.lasting(found.blocks()[0].text().splitlines()[0])
        return found

    @stage
    def write(self, message: str) -> Written:
        """Write the revision file. The one stage that writes into the project.

        Raises NotWritten; see `authoring.writing.write`.
        """
        given = text("message", message)
        made, database = self._base()
        if made.reviewed:
            return Written(made.reviewed, "its file is there already: it is reviewed as it is")
        found = self.changes() if self._changes is None else self._changes
        if not found:
            return self._unwritten(NO_CHANGE)
        if not given:
            return self._unwritten(NO_MESSAGE)
        self._written = writing.write(
            (made, database), self._project, self.values["models"], given, found, self._written
        )
        self._evidence = self._review = self._proof = None
        self._revision = made_now = self._written.revision
        assert made_now is not None
        self.record.set(revision=made_now.id, file=str(made_now.file))
        self.display.lasting(f"written: {made_now.file}")
        return self._written

    def _unwritten(self, why: str) -> Written:
        self._written, self._revision = Written(None, why), None
        self.display.lasting(f"write: {why}")
        return self._written

    @stage
    def review(self, revision: str = "") -> Review | Nothing:
        """The revision by the guide's questions. Writes a throwaway database only."""
        self._ask_for(text("revision", revision))
        if self._revision is None:
            return Nothing("Review")
        self._review = review.review(self._known())
        facts = [f"{a.word} {a.question.id}" for a in self._review.answers]
        self.record.set(review=facts)
        self.display.lasting(self._review.blocks()[0].text().splitlines()[0])
        for danger in self._review.dangers:
            self.display.lasting(f"danger: {danger}")
        return self._review

    @stage
    def prove(self) -> Proof | Nothing:
        """Up, down and up again, complete catalogs compared. Writes throwaway databases only."""
        made, database = self._base()
        if self._revision is None:
            return Nothing("Proof")
        known = self._known()
        found = base.read(self._project, self._revision.id)[0]
        rows = {e.table for s in known.up for e in s.effects if e.kind == "rows"}
        at_head = self._revision.id in found.heads
        self._proof = proof.prove(
            *(database, found, self._revision, self.values["models"]),
            written=rows,
            must_match=made.reviewed is None,
            unlooked="" if at_head else "the revision is not a head",
        )
        self.record.set(proof=list(self._proof.failures) or ["holds"])
        self.display.lasting(self._proof.blocks()[0].text().splitlines()[0])
        return self._proof

    @stage
    def git(self) -> Commands:
        """The git commands for the file; none is run. Reads only."""
        if self._revision is None:
            return Commands((), "", NONE)
        return commands.for_revision(self._revision, self.target.project)

    def finish(self) -> Finish:
        """Write the record's outcome, drop the throwaway databases. Writes the archive only.

        Raises NotProved when the review has a danger or the proof fails.
        """
        self._end()
        if self._revision is None:
            if self._written is UNWRITTEN:
                raise _too_early("Write")
            outcome = "dry run" if self._changes else "nothing to do"
            return self.end_well(outcome, (("Because", self._written.why),))
        if self._review is None or self._proof is None:
            raise _too_early("Review" if self._review is None else "Proof")
        failures = [*self._review.dangers, *self._proof.failures]
        if failures:
            raise self._not_proved(failures)
        lines = (("Revision", self._revision.id), ("File", str(self._revision.file)))
        return self.end_well("succeeded", lines)

    def failed(self, error: BaseException) -> None:
        """End the record, and drop the throwaway databases: a headless kernel is killed next.

        A later cell of the same kernel builds them again.
        """
        self._end()
        super().failed(error)

    def superseded(self) -> None:
        """End the record of a run that was begun anew, and drop its throwaway databases."""
        self._end()
        super().superseded()

    def _drop(self) -> None:
        self._open.close()
        self._built = None

    def _end(self) -> None:
        self._drop()
        self._project.end()

    def _not_proved(self, failures: Sequence[str]) -> NotProved:
        assert self._revision is not None
        file, id_ = self._revision.file, self._revision.id
        again = self.target.run("create_migration")
        if models := self.values["models"]:
            again += f" -p models={models}"
        return NotProved(
            f"revision {id_} is not ready:\n  " + "\n  ".join(failures),
            state=f"its file stays: {file}. No database but throwaway ones was changed.",
            next_step=f"mend the file by the code above, and prove it again: {again} "
            f"-p revision={id_}\n  Or remove it: rm {file}",
        )

    def _own(self, found: History) -> Revision | None:
        """The revision that this run wrote earlier: it is no part of the base."""
        own = self._written.revision
        return found.revision(own.id) if own and own.id in found else None

    def _asked(self) -> str:
        """The revision to review, as the notebook now names it."""
        return text("revision", self._namespace.get("revision", self.values["revision"]))

    def _ask_for(self, asked: str) -> None:
        """Go on with another revision than the base was built for, if one is named now."""
        reviewed = self._base()[0].reviewed
        if asked and (reviewed is None or not reviewed.id.startswith(asked)):
            self.base()

    def _base(self) -> tuple[Base, Throwaway]:
        if self._built is None:
            self.base()
        assert self._built is not None
        return self._built

    def _known(self) -> Evidence:
        """What the review goes by; read anew when the file was edited."""
        assert self._revision is not None
        _, database = self._base()
        _, now = base.read(self._project, self._revision.id)
        assert now is not None
        if self._evidence is None or self._evidence.revision.checksum != now.checksum:
            self._revision = now
            self._evidence = gather(database, self._project, now)
        return self._evidence


def _too_early(stage_: str) -> RunbookError:
    return RunbookError(
        f"this run has not been through {stage_}.",
        state=NOTHING_CHANGED,
        next_step="run the cells from the top, in order.",
    )
