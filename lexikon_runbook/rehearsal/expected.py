"""What a revision is expected to send, and what it sends held against that. Pure.

What was the same on both shadows is fixed: text and values. What differed only in its values
varies, and is compared by its shape. What was sent on one of them only depends on rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..project.rendering import LITERAL, TOKEN, shape
from .observed import Leg, Sent

ANY = "?"
INDEX = re.compile(r"\s*CREATE\s+(UNIQUE\s+)?INDEX\b", re.I)


@dataclass(frozen=True)
class Expected:
    """The statements of one revision that do not only read.

    `fixed` are in the order of the first rehearsal, and `ordered` says that the second had the
    same; `varying` are statements of the first with the shape that the second shares; `depending`
    those that only one of them sent, as `once a row`.
    """

    fixed: tuple[Sent, ...]
    varying: tuple[tuple[Sent, str], ...]
    depending: tuple[Sent, ...]
    ordered: bool

    @classmethod
    def of(cls, empty: Leg, filled: Leg) -> Expected:
        """From the same revision on both shadows. Pure."""
        first, second = empty.writing, filled.writing
        same = Counter(each.key for each in first) & Counter(each.key for each in second)
        fixed, other = _split(first, same)
        again, rest = _split(second, same)
        varying: list[tuple[Sent, str]] = []
        depending: list[Sent] = []
        for each in other:
            alike = next((one for one in rest if _alike(each, one)), None)
            if alike is None:
                depending.append(each)
                continue
            rest.remove(alike)
            varying.append((each, shape(each.text, [alike.text])))
        ordered = [each.key for each in fixed] == [each.key for each in again]
        return cls(tuple(fixed), tuple(varying), (*depending, *_different(rest)), ordered)

    @cached_property
    def digested(self) -> tuple[str, ...]:
        """What an approval is for: every statement in no order, of one that varies the shape."""
        fixed = [each.text.strip() if each.whole else each.key for each in self.fixed]
        shapes = [form.strip() for _, form in self.varying]
        depending = [f"once a row: {stripped(each.text)}" for each in self.depending]
        return tuple(sorted([*fixed, *shapes, *depending]))

    @property
    def shown(self) -> tuple[Sent, ...]:
        """Every statement, those that depend on rows with one example each."""
        return (*self.fixed, *(each for each, _ in self.varying), *self.depending)


def _split(sent: Iterable[Sent], same: Counter[str]) -> tuple[list[Sent], list[Sent]]:
    """Those that are among the same, as often, and the others."""
    left = Counter(same)
    inside: list[Sent] = []
    outside: list[Sent] = []
    for each in sent:
        left[each.key] -= 1
        (inside if left[each.key] >= 0 else outside).append(each)
    return inside, outside


def _alike(one: Sent, other: Sent) -> bool:
    """Whether two statements are one that varies: as many tokens, and the same first ones."""
    if one.form == other.form or stripped(one.text) == stripped(other.text):
        return True
    mine, theirs = _tokens(one.text), _tokens(other.text)
    return len(mine) == len(theirs) and mine[:3] == theirs[:3] and _mostly(mine, theirs)


def _mostly(one: Sequence[str], other: Sequence[str]) -> bool:
    return sum(a == b for a, b in zip(one, other, strict=True)) * 2 > len(one)


def _different(sent: Iterable[Sent]) -> tuple[Sent, ...]:
    """One example of each that differs in more than its values."""
    return tuple({stripped(each.text): each for each in reversed(list(sent))}.values())[::-1]


def stripped(text: str) -> str:
    """A statement without its values, and without white space that means nothing. Pure."""
    return " ".join(LITERAL.sub(ANY, text).split())


def _tokens(text: str) -> list[str]:
    return [token for token in TOKEN.findall(LITERAL.sub(ANY, text)) if not token.isspace()]


def _fits(form: Sequence[str], sent: Sequence[str]) -> bool:
    """Whether a statement has that shape."""
    alike = len(form) == len(sent)
    return alike and all(a in (b, ANY) for a, b in zip(form, sent, strict=True))


class Comparison:
    """One try at a revision: what it sends, taken one after the other against what is expected."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.fixed = list(expected.fixed)
        self.varying = [(each, _tokens(form)) for each, form in expected.varying]
        self.depending = {stripped(each.text) for each in expected.depending}

    def takes(self, text: str, key: str) -> bool:
        """Whether that statement is one of those expected now; it is then no longer."""
        place = next((i for i, each in enumerate(self.fixed) if each.key == key), None)
        if place is not None and self._in_turn(place):
            del self.fixed[place]
            return True
        sent = _tokens(text)
        for i, (_, form) in enumerate(self.varying):
            if _fits(form, sent):
                del self.varying[i]
                return True
        return stripped(text) in self.depending

    def _in_turn(self, place: int) -> bool:
        """Whether nothing that comes before is left out; SQLAlchemy has indexes as a set."""
        before = self.fixed[:place]
        indexes = all(INDEX.match(each.text) for each in (*before, self.fixed[place]))
        return not self.expected.ordered or not before or indexes

    @property
    def missing(self) -> tuple[Sent, ...]:
        """What was expected and was not sent."""
        return (*self.fixed, *(each for each, _ in self.varying))
