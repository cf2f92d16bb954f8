"""The stages of troubleshoot: what is wrong with a database, its migrations, or the way to it.

Every stage only reads the target; `prove` and `heads` write throwaway databases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..diagnosis import reading
from ..diagnosis.diagnoses import diagnose
from ..diagnosis.evidence import Branch, Graph, Wait
from ..diagnosis.of_heads import in_line, overlap
from ..diagnosis.reading.proving import prove
from ..diagnosis.row import Diagnosed, Trouble
from ..diagnosis.situation import Situation, Unknown
from ..project import database
from ..project.database import Database
from ..record.ending import Finish
from ..show.render import Block, Card, Code, Shown, Table, Tone
from .stages import Run, stage

STAMPS = "nothing is ever stamped, merged, ended or dropped by this runbook."


class Troubleshooting(Run):
    """A run that looks for what is wrong. It changes nothing but throwaway databases."""

    passed = ("reason",)

    def __init__(self, runbook: str, values: Mapping[str, Any], *given: Any) -> None:
        super().__init__(runbook, values, *given)
        self._found: Database | None = None
        self._seen: Situation | None = None
        self._diagnosed: Diagnosed | None = None
        self._proved = False

    def blocks(self) -> Sequence[Block]:
        target = self.target
        lines = [
            ("Database", f"its URL comes from the {target.source}"),
            ("Alembic", f"{target.alembic_ini}, section {target.alembic_section}"),
            ("Tried", f"to apply {self.values['revision']}"),
            ("Error", target.mask(self.values["error"]) or "none was given"),
            ("Changes", STAMPS),
        ]
        return [Card(f"{self.runbook} on target {target.name}", lines)]

    @stage
    def reach(self) -> Database:
        """Connect, and read version and checkout. Reads only; a database that is down is shown."""
        found = self._found = database.look(self.target)
        self._seen, self._diagnosed, self._proved = None, None, False
        reached = found.known_identity
        at = f"{reached}, at {found.at}" if reached else "not reached"
        self.display.lasting(f"reach: {at}")
        if reached is not None:
            self.record.set(
                database={**asdict(reached), "key": reached.key},
                version_table=found.version_table,
                revisions={"before": found.at, "after": found.at},
            )
        return found

    @stage
    def diagnose(self) -> Diagnosed:
        """What is wrong, at a glance: who waits first, then all else. Reads only."""
        # What was mended since the last diagnosis must be read anew, the version rows too.
        fresh = self._found if self._diagnosed is None else None
        looked = fresh or self.reach()
        waits = reading.waiting(looked)
        for wait in () if isinstance(waits, Unknown) else waits:
            self._say(wait)
        values = self.values
        self._seen = reading.look(looked, values["revision"], values["error"], waits)
        self._proved = False
        return self._judged("diagnose")

    @stage
    def prove(self) -> Proofs:
        """What throwaway databases show. Reads the target; writes throwaway databases only."""
        seen = self._looked()
        self._seen = prove(self._found or self.reach(), seen)
        self._proved = True
        self._judged("prove")
        return Proofs(self._seen)

    @stage
    def heads(self) -> Heads:
        """The heads of the checkout, and what each branch touches. Reads only."""
        return Heads(self._looked())

    @stage
    def mitigation(self) -> Mitigation:
        """What mends each trouble, the first thing first, as commands to copy. Reads only."""
        return Mitigation(self._diagnosed or self.diagnose(), self._proved)

    def finish(self) -> Finish:
        """Write the record's outcome. Writes the archive only."""
        found = self._diagnosed or self.diagnose()
        first = found.found[0].diagnosis.title if found.found else "no trouble was found"
        return self.end_well("succeeded", (("Diagnosis", found.counted), ("First", first)))

    def _looked(self) -> Situation:
        if self._seen is None:
            self.diagnose()
        assert self._seen is not None
        return self._seen

    def _say(self, wait: Wait) -> None:
        self.display.lasting(f"blocked: {wait.words}")

    def _judged(self, stage: str) -> Diagnosed:
        assert self._seen is not None
        before = self._diagnosed
        found = self._diagnosed = diagnose(self._seen, proved=self._proved)
        self.record.set(diagnosis=_facts(found))
        self.display.lasting(f"{stage}: {found.counted}")
        told = before.lines if before else ()
        for line in (line for line in found.lines if line not in told):
            self.display.lasting(line)
        return found


@dataclass(frozen=True)
class Proofs(Shown):
    """What was built on throwaway databases, and what it showed."""

    seen: Situation

    def blocks(self) -> Sequence[Block]:
        lines = [
            ("Catalog", self._catalog()),
            ("Pending", self._pending()),
            ("Models", self._models()),
        ]
        match, trial = self.seen.match, self.seen.trial
        known = not isinstance(match, Unknown) and not isinstance(trial, Unknown)
        fails = not isinstance(trial, Unknown) and bool(trial.failed)
        tone: Tone = "danger" if fails else "good" if known else "warning"
        return [Card("Proved on throwaway databases", lines, tone)]

    def _catalog(self) -> str:
        match = self.seen.match
        if isinstance(match, Unknown):
            return f"not known: {match.why}"
        if match.exact:
            return f"exactly that of {', '.join(match.exact)} ({match.built} states built)"
        return (
            f"that of none of {match.built} states; the nearest is {match.nearest}, "
            f"with {len(match.difference)} differences"
        )

    def _pending(self) -> str:
        trial = self.seen.trial
        if isinstance(trial, Unknown):
            return f"not known: {trial.why}"
        if trial.failed:
            return f"{trial.failed} fails: {trial.happened}"
        if not trial.persisted:
            return "env.py ran, and nothing was kept"
        if not trial.tried:
            return "nothing is pending"
        if trial.left or trial.stuck:
            return f"{', '.join(trial.tried)}: up; the way down is not its inverse"
        return f"{', '.join(trial.tried)}: up, down and up again"

    def _models(self) -> str:
        changes = self.seen.models
        if isinstance(changes, Unknown):
            return f"not known: {changes.why}"
        return "\n".join(changes) or "say nothing more than the revisions"


@dataclass(frozen=True)
class Heads(Shown):
    """The heads, each with its branch, and what mends several."""

    seen: Situation

    def blocks(self) -> Sequence[Block]:
        graph = self.seen.graph
        if isinstance(graph, Unknown):
            return [Card("Heads: not known", [("Because", graph.why)], "warning")]
        if len(graph.heads) < 2:
            return [Card(f"Heads: one, {', '.join(graph.heads) or 'base'}", tone="good")]
        return list(self._several(graph))

    def _several(self, graph: Graph) -> list[Block]:
        common = ", ".join(graph.common) or "the base"
        lines = [("After", common), ("Together", overlap(self.seen))]
        rows = [self._row(branch) for branch in graph.branches]
        headings = ("head", "message", "file", "revisions of its own", "changes")
        edits = in_line(self.seen, graph)
        merge = self.seen.names.target.alembic(f'merge -m "Merge heads" {" ".join(graph.heads)}')
        return [
            Card(f"Heads: {len(graph.heads)}", lines, "danger"),
            Table(headings, rows),
            Code(merge, "To join them, in the project's folder"),
            *(Code(str(edit), "Or, to put one behind the other") for edit in edits),
        ]

    def _row(self, branch: Branch) -> tuple[str, ...]:
        proved = self.seen.overlap
        touched = "not known" if isinstance(proved, Unknown) else ""
        if not isinstance(proved, Unknown):
            touched = "\n".join(proved.touches.get(branch.head, ())) or "nothing"
        revisions = ", ".join(branch.revisions)
        return (branch.head, branch.message, branch.file, revisions, touched)


@dataclass(frozen=True)
class Mitigation(Shown):
    """The troubles in the order to mend them, each with its commands."""

    diagnosed: Diagnosed
    proved: bool

    def blocks(self) -> Sequence[Block]:
        found = self.diagnosed
        if not found.found:
            said = "nothing to mend" if found.healthy else "nothing found; not all is known"
            tone: Tone = "good" if found.healthy else "warning"
            return [Card(f"Mitigation: {said}", [("Diagnosis", found.counted)], tone)]
        more = "" if self.proved else "; run.prove() was not run, and may find more"
        head = Card(f"Mitigation: {found.counted}{more}", tone="plain")
        return [head, *(block for trouble in found.found for block in trouble.blocks())]


def _facts(found: Diagnosed) -> dict[str, Any]:
    """A diagnosis as its record keeps it. Pure."""
    return {
        "found": [_trouble(each) for each in found.found],
        "ruled_out": [row.id for row in found.ruled_out],
        "unknown": [{"id": each.diagnosis.id, "because": each.why} for each in found.unchecked],
    }


def _trouble(each: Trouble) -> dict[str, Any]:
    remedy = each.remedy
    return {
        "id": each.diagnosis.id,
        "severity": each.severity,
        "likelihood": each.likelihood,
        "explains_error": each.explains,
        "evidence": each.evidence,
        "remedy": remedy.words,
        "commands": [*remedy.shell, *remedy.sql, *map(str, remedy.edits)],
    }
