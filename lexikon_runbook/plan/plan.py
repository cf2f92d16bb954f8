"""What would run: the steps, their SQL, what is found in it, what it would lose. Reads only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import RunbookError
from ..facts import Plan as PlanFacts
from ..postgres import catalog
from ..postgres.catalog import Catalog
from ..postgres.connections import Identity
from ..project.database import Database
from ..project.history import Direction
from ..project.version import Version
from ..project.ways import Move
from ..show.render import Block, Card, Code, Line, Shown, Table, Tone, shorten
from . import bounds
from .bounds import Bounds
from .rehearsing import Rehearsed

if TYPE_CHECKING:
    from .risk import AtRisk
    from .rules import Finding
    from .step import Step

NOT_NEEDED = Rehearsed()
FORMAT = "2:"
"""What a digest begins with: what it is made of has changed since version 0.1, which had none."""


@dataclass(frozen=True)
class Plan(Shown):
    """The revisions that an upgrade or a downgrade would run, in order.

    `asked` is the place as the user named it, `destination` the version rows there. `frozen` is
    why nothing can run here now, whoever approves it. `rehearsed` is where its statements are from.
    """

    target: str
    protected: bool
    identity: Identity
    direction: Direction
    version: Version
    asked: str
    destination: str
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    at_risk: tuple[AtRisk, ...]
    invalid: tuple[catalog.InvalidIndex, ...]
    catalog: catalog.Catalog
    env_py: str = ""
    env_py_sends: tuple[str, ...] = ()
    frozen: RunbookError | None = None
    rehearsed: Rehearsed = NOT_NEEDED

    @property
    def digest(self) -> str:
        """What an approval holds: all that is fixed, and how many rows may go from each table."""
        return self.fixed + bounds.written(self.bounds)

    @property
    def bounds(self) -> Bounds:
        """How many rows may go from each table at risk, where this plan is approved."""
        return tuple(bounds.of(risk.rows) for risk in self.at_risk)

    @property
    def fixed(self) -> str:
        """SHA-256 over all of it but the rows: its format, and 64 hexadecimal digits."""
        return FORMAT + hashlib.sha256(json.dumps(self._digested()).encode()).hexdigest()

    def _digested(self) -> list[object]:
        return [
            self.target,
            self.identity.key,
            self.env_py,
            self.env_py_sends,
            self.direction,
            self.version.current,
            self.destination,
            [s.identity for s in self.steps],
            [f"{index.schema}.{index.name}" for index in self.invalid],
            self.catalog.fingerprint,
            [risk.what for risk in self.at_risk],
        ]

    def facts(self) -> PlanFacts:
        """The plan as a record keeps it."""
        return {
            "digest": self.digest,
            "direction": self.direction,
            "current": self.version.current or "base",
            "destination": self.destination,
            "revisions": [s.revision.id for s in self.steps],
            "findings": [f"{f.rule.severity} {f.rule.id} {f.revision}" for f in self.findings],
            "at_risk": list(self.losses),
            "tables": [risk.what for risk in self.at_risk],
            "bounds": list(self.bounds),
            "rehearsed": self.rehearsed.done is not None or self.rehearsed.why_not or None,
            "catalog": self.catalog.fingerprint,
        }

    def document(self) -> dict[str, object]:
        """The plan for another program: its facts, and the SQL of every step."""
        steps = [
            {
                "revision": s.revision.id,
                "message": s.revision.message,
                "file": s.revision.file.name,
                "sha256": s.revision.checksum,
                "summary": s.summary,
                "locks": s.locks,
                "sql": [q.text for q in s.statements] if s.known else None,
            }
            for s in self.steps
        ]
        about = {
            "target": self.target,
            "database": str(self.identity),
            "frozen": self.frozen and self.frozen.happened,
        }
        return {**about, **self.facts(), "needs_approval": self.needs_approval, "steps": steps}

    @property
    def revision(self) -> str:
        """What to write for `revision` to plan the same again: an id where there is one."""
        one = self.destination == "base" or ", " not in self.destination
        return self.destination if one else self.asked

    @property
    def dangers(self) -> tuple[Finding, ...]:
        """The findings that nobody should meet unwarned."""
        return tuple(f for f in self.findings if f.rule.severity == "danger")

    @property
    def needs_approval(self) -> bool:
        """Whether `approve` must hold the digest before this plan runs."""
        loses = any(risk.rows != 0 for risk in self.at_risk)
        if self.direction == "downgrade":
            loses = bool(self.at_risk or self.uncounted)
        return bool(self.steps) and (self.protected or loses or bool(self.dangers))

    def holds(self, found: Database, way: Sequence[Move], live: Catalog) -> bool:
        """Whether what was rehearsed for this plan is true of that database and way still. Pure."""
        same = [(m.revision.id, m.revision.checksum) for m in way] == [
            (s.revision.id, s.revision.checksum) for s in self.steps
        ]
        at = (self.identity.key, self.version, self.env_py, self.catalog.fingerprint)
        now = (found.identity.key, found.version, found.history.env_py, live.fingerprint)
        return self.rehearsed.done is not None and bool(self.steps) and same and at == now

    def beyond(self, approved: Bounds) -> str:
        """The first loss that is more than was approved, in words; "" where there is none."""
        place = bounds.beyond([risk.rows for risk in self.at_risk], approved)
        if place is None:
            return ""
        allowed = approved[place] if place < len(approved) else 0
        return f"{self.at_risk[place]}, and approved are at most {allowed:,}"

    @property
    def uncounted(self) -> tuple[str, ...]:
        """What may be dropped besides `at_risk`, in words."""
        if not self.steps:
            return ()
        from .risk import uncounted

        unknown = [f"what {s.revision.id} does" for s in self.steps if not s.known]
        unknown += [f"what {s.revision.id} sends once a row" for s in self.steps if s.depends]
        if self.rehearsed.done:  # what CASCADE reached, and what code did, was seen
            return tuple(unknown)
        return (*unknown, *uncounted(q for s in self.steps for q in s.statements))

    @property
    def losses(self) -> tuple[str, ...]:
        """What would be dropped, and what is not known of it, a line each."""
        outside = [
            f"what {tried} does outside of the revision's transaction"
            for step in self.steps
            for tried in step.tried
            if not tried.of_file
        ]
        unknown = (*self.uncounted, *outside)
        return (*map(str, self.at_risk), *(f"not counted: {words}" for words in unknown))

    def blocks(self) -> Sequence[Block]:
        here = str(self.version)
        if not self.steps:
            return [Card(f"Plan: nothing to do, the database is at {here}", tone="good")]
        tone: Tone = "danger" if self.needs_approval or self.frozen else "good"
        word = "revision" if len(self.steps) == 1 else "revisions"
        heading = f"Plan: {self.direction} {here} -> {self.destination}"
        lines = [
            ("Database", str(self.identity)),
            ("Steps", f"{len(self.steps)} {word}"),
            ("Rehearsed", str(self.rehearsed)),
            *self._path(),
            *self._frozen(),
            ("At risk", "\n".join(self.losses) or "nothing: no rows would be dropped"),
            ("Findings", self._counted() or "none"),
            ("Digest", self.digest),
        ]
        return [Card(heading, lines, tone), self._table(), *self._findings(), *self._sql()]

    def _path(self) -> list[tuple[str, str]]:
        path = ", ".join(self.version.path)
        return [("Schema", f"names without one mean those in {path}")] if path else []

    def _frozen(self) -> list[tuple[str, str]]:
        if self.frozen is None:
            return []
        said = f"{self.frozen.happened}\n{self.frozen.next_step}"
        return [("Can't run now", said)]

    def _counted(self) -> str:
        kinds = [f.rule.severity for f in self.findings]
        return ", ".join(
            f"{kinds.count(k)} {k}" for k in ("danger", "warning", "note") if k in kinds
        )

    def _table(self) -> Block:
        headings = ("revision", "what it does", "locks on existing tables", "file", "sha256")
        rows = [
            (s.revision.id, s.summary, s.locks, s.revision.file.name, s.revision.checksum[:12])
            for s in self.steps
        ]
        return Table(headings, rows)

    def _findings(self) -> Iterable[Block]:
        if self.findings:
            tones: dict[str, Tone] = {"danger": "danger", "warning": "warning", "note": "plain"}
            rows = [
                (f"{f.rule.severity}: {f.rule.id}", f.revision, f.detail, f.remedy)
                for f in self.findings
            ]
            shades = [tones[f.rule.severity] for f in self.findings]
            yield Table(("finding", "revision", "what", "better"), rows, shades)
        if others := [s.revision.file.name for s in self.steps if not s.of_checkout]:
            yield Line(
                f"Another file, or none, is in the checkout at hand: {', '.join(others)}. What "
                "runs, and is shown, is the file where the worker runs."
            )
        if self.env_py_sends:
            sent = "; ".join(shorten(sql, 120) for sql in self.env_py_sends)
            yield Line(f"env.py itself sends, before the first step: {sent}")
        for index in self.invalid:
            yield Line(
                f"Before the first step, the invalid index {index.schema}.{index.name} is dropped: "
                "a failed CREATE INDEX CONCURRENTLY left it, and the plan creates it anew."
            )

    def _sql(self) -> Iterable[Block]:
        for step in self.steps:
            title = f"{self.direction} {step.revision.id}: {step.revision.message}"
            sql = ";\n".join(s.text for s in step.statements)
            yield Code(f"{sql};" if sql else f"-- {step.summary}", title)
