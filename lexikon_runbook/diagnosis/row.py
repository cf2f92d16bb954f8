"""What a diagnosis is: a row of condition, evidence and remedy, and what it says of a situation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..plan.rules.rule import SEVERITIES, Severity
from ..show.render import Block, Card, Code, Shown, Table, Tone, shorten
from .situation import NotKnown, Situation

Likelihood = Literal["certain", "likely", "possible"]

LIKELIHOODS: tuple[Likelihood, ...] = ("certain", "likely", "possible")
"""certain: a migration can't work while it is so. likely: most fail or wait. possible: some do."""

TONES: dict[Severity, Tone] = {"danger": "danger", "warning": "warning", "note": "plain"}


@dataclass(frozen=True)
class Edit:
    """One line of a file of the project, and the text to write in its place."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} becomes\n{self.text}"


@dataclass(frozen=True)
class Remedy:
    """What mends a trouble: words, and the commands, SQL and edits in the user's own names."""

    words: str
    shell: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()

    def blocks(self) -> list[Block]:
        """The parts to copy, each under what it is for."""
        parts = [
            ("\n".join(map(str, self.edits)), "Edit"),
            ("\n".join(f"{line};" for line in self.sql), "SQL, in this database"),
            ("\n".join(self.shell), "In the project's folder"),
        ]
        return [Code(text, title) for text, title in parts if text]

    def __str__(self) -> str:
        return "\n".join([self.words, *(block.text() for block in self.blocks())])


@dataclass(frozen=True)
class Sign:
    """One place where a diagnosis fits: what was read there, and what mends it.

    `severity` and `likelihood` are given where they differ from the row's.
    """

    evidence: str
    remedy: Remedy
    severity: Severity | None = None
    likelihood: Likelihood | None = None


@dataclass(frozen=True)
class Diagnosis:
    """One row of the table.

    `severity` and `likelihood` are the worst that it can be. `errors` are the SQLSTATEs, and the
    English texts of Alembic and Python, of an error that it explains. `proof` is whether it
    needs a throwaway database. `runbook` is the one that mends it, or none.
    """

    id: str
    title: str
    severity: Severity
    likelihood: Likelihood
    condition: str
    evidence: str
    remedy: str
    match: Callable[[Situation], Iterator[Sign]] = field(repr=False, compare=False)
    errors: tuple[str, ...] = ()
    runbook: str = ""
    proof: bool = False

    def explains(self, situation: Situation) -> bool:
        """Whether the error that the user gave is one of its own. Pure."""
        names = situation.names
        return any(e in names.sqlstates or (len(e) > 5 and e in names.error) for e in self.errors)


@dataclass(frozen=True)
class Trouble:
    """A diagnosis that fits; `explains` is whether it explains the error that the user gave."""

    diagnosis: Diagnosis
    evidence: str
    remedy: Remedy
    severity: Severity
    likelihood: Likelihood
    explains: bool

    @property
    def rank(self) -> tuple[bool, int, int]:
        """The smaller the sooner: what explains the error, then likelihood, then danger."""
        likelihood = LIKELIHOODS.index(self.likelihood)
        return not self.explains, likelihood, SEVERITIES.index(self.severity)

    @property
    def line(self) -> str:
        """The trouble in one line, with the first command that mends it, or the words."""
        remedy = self.remedy
        commands = [*remedy.shell, *remedy.sql, *map(str, remedy.edits), remedy.words]
        seen = self.evidence.rstrip(".")
        return f"{self.likelihood}, {self.severity}: {seen}. Mend: {shorten(commands[0], 160)}"

    def blocks(self) -> list[Block]:
        """The card of one trouble, with what mends it."""
        runbook = self.diagnosis.runbook
        lines = [
            ("Seen", self.evidence),
            ("Mend", self.remedy.words),
            *([("Runbook", f"{runbook}.ipynb")] if runbook else []),
        ]
        said = ", explains the error" if self.explains else ""
        title = f"{self.diagnosis.title} ({self.likelihood}, {self.severity}{said})"
        return [Card(title, lines, TONES[self.severity]), *self.remedy.blocks()]


@dataclass(frozen=True)
class Unchecked:
    """A diagnosis that could not be told from what was read, and why."""

    diagnosis: Diagnosis
    why: str


@dataclass(frozen=True)
class Diagnosed(Shown):
    """Every row held against one situation: found (worst first), ruled out, not known."""

    found: tuple[Trouble, ...]
    ruled_out: tuple[Diagnosis, ...]
    unchecked: tuple[Unchecked, ...]

    @property
    def counted(self) -> str:
        """`2 found, 31 ruled out, 4 not known`."""
        found, out, unknown = map(len, (self.found, self.ruled_out, self.unchecked))
        return f"{found} found, {out} ruled out, {unknown} not known"

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each trouble, the worst first, and one for each reason not to know."""
        why = dict.fromkeys(each.why for each in self.unchecked)
        return (*(trouble.line for trouble in self.found), *(f"not known: {each}" for each in why))

    @property
    def healthy(self) -> bool:
        """Whether nothing was found and everything could be read."""
        return not self.found and not self.unchecked

    def blocks(self) -> Sequence[Block]:
        worst = self.found[0].severity if self.found else None
        tone: Tone = TONES[worst] if worst else "good" if self.healthy else "warning"
        return [Card(f"Diagnosis: {self.counted}", tone=tone), *self._found(), *self._unchecked()]

    def _found(self) -> list[Block]:
        if not self.found:
            return []
        rows = [
            (t.diagnosis.id, f"{t.likelihood}, {t.severity}", t.diagnosis.title, t.evidence)
            for t in self.found
        ]
        headings = ("trouble", "how sure, how bad", "what", "seen")
        return [Table(headings, rows, [TONES[t.severity] for t in self.found])]

    def _unchecked(self) -> list[Block]:
        if not self.unchecked:
            return []
        why: dict[str, list[str]] = {}
        for each in self.unchecked:
            why.setdefault(each.why, []).append(each.diagnosis.id)
        rows = [(", ".join(ids), reason) for reason, ids in why.items()]
        return [Table(("not known", "because"), rows)]


def judge(rows: Iterable[Diagnosis], situation: Situation) -> Diagnosed:
    """Hold every row against a situation. Pure.

    A row that needs what could not be read is unchecked, also where it had found a sign
    before; the sign counts all the same.
    """
    found: list[Trouble] = []
    ruled_out: list[Diagnosis] = []
    unchecked: list[Unchecked] = []
    for row in rows:
        before = len(found)
        try:
            for sign in row.match(situation):
                found.append(_trouble(row, sign, situation))  # noqa: PERF401
        except NotKnown as missing:
            unchecked.append(Unchecked(row, str(missing)))
        else:
            if len(found) == before:
                ruled_out.append(row)
    ranked = sorted(found, key=lambda trouble: trouble.rank)
    return Diagnosed(tuple(ranked), tuple(ruled_out), tuple(unchecked))


def _trouble(row: Diagnosis, sign: Sign, situation: Situation) -> Trouble:
    return Trouble(
        row,
        sign.evidence,
        sign.remedy,
        sign.severity or row.severity,
        sign.likelihood or row.likelihood,
        row.explains(situation),
    )
