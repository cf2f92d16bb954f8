"""The review of a revision: each question a row, with its evidence and the corrected code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..plan.rules import SEVERITIES, Severity
from ..show.render import Block, Card, Code, Shown, Table, Tone
from .evidence import Evidence
from .questions import QUESTIONS, Question
from .remark import Remark

TONES: dict[Severity, Tone] = {"danger": "danger", "warning": "warning", "note": "plain"}
WORDS: dict[Severity, str] = {"danger": "no", "warning": "look", "note": "note"}


@dataclass(frozen=True)
class Answer:
    """One question with what there is to say; nothing means that it is answered with yes."""

    question: Question
    remarks: tuple[Remark, ...]
    fine: str

    @property
    def severity(self) -> Severity | None:
        """The worst of its remarks."""
        found = {remark.severity for remark in self.remarks}
        return next((s for s in SEVERITIES if s in found), None)

    @property
    def word(self) -> str:
        """The answer: ok, note, look or no."""
        return WORDS[self.severity] if self.severity else "ok"

    @property
    def evidence(self) -> str:
        """What it goes by, a line a remark."""
        return "\n".join(remark.text for remark in self.remarks) or self.fine


@dataclass(frozen=True)
class Review(Shown):
    """A revision by all questions."""

    evidence: Evidence
    answers: tuple[Answer, ...]

    @property
    def dangers(self) -> tuple[str, ...]:
        """What nobody should deploy, a line each."""
        remarks = (remark for answer in self.answers for remark in answer.remarks)
        return tuple(remark.text for remark in remarks if remark.severity == "danger")

    def answer(self, id_: str) -> Answer:
        """The answer to the question with that id."""
        return next(answer for answer in self.answers if answer.question.id == id_)

    def blocks(self) -> Sequence[Block]:
        worst = [answer.severity for answer in self.answers if answer.severity]
        tone: Tone = next((TONES[s] for s in SEVERITIES[:2] if s in worst), "good")
        counts = [f"{worst.count(s)} {WORDS[s]}" for s in SEVERITIES if s in worst]
        revision = self.evidence.revision
        lines = [
            ("File", str(revision.file)),
            ("Answers", ", ".join([*counts, f"{len(self.answers) - len(worst)} ok"])),
            ("Sizes", str(self.evidence.sizes)),
        ]
        rows = [(a.word, a.question.title, a.evidence) for a in self.answers]
        tones: list[Tone] = [TONES[a.severity] if a.severity else "good" for a in self.answers]
        card = Card(f"Review of {revision.id}: {revision.message}", lines, tone)
        return [card, Table(("answer", "question", "evidence"), rows, tones), *self._code()]

    def _code(self) -> Iterator[Block]:
        for answer in self.answers:
            code = "\n".join(dict.fromkeys(r.code for r in answer.remarks if r.code))
            if code:
                yield Code(code, f"{answer.question.title} Better:")


def review(evidence: Evidence) -> Review:
    """Ask a revision all questions. Pure."""
    answers = (
        Answer(question, tuple(dict.fromkeys(question.ask(evidence))), question.fine(evidence))
        for question in QUESTIONS
    )
    return Review(evidence, tuple(answers))
