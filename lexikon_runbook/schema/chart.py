"""The largest tables as bars: what they, their indexes and their long values take on disk. Pure.

A static SVG: altair draws with JavaScript, which an archived page neither loads nor runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from ..show.render import Block, Card, Line, Picture, Shown, size

BARS = 25
BAR, GAP, LABEL, WIDTH, RIGHT = 16, 6, 260, 520, 110
LETTERS = 40
PARTS = (("table", "#1f5f8b"), ("indexes", "#b26a00"), ("long values (TOAST)", "#7f8c9a"))


@dataclass(frozen=True)
class Size:
    """What one table takes on disk, in bytes; the long values are not part of `table`."""

    name: str
    table: int
    indexes: int = 0
    toast: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.table + self.indexes + self.toast


@dataclass(frozen=True)
class Chart(Shown):
    """The largest tables, the largest first, and what the smaller ones take together.

    `unknown` are the tables that could not be measured: another session holds them.
    """

    largest: tuple[Size, ...]
    smaller: tuple[Size, ...]
    unknown: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """How much there is, and how much of it is not drawn."""
        everything = (*self.largest, *self.smaller)
        words = f"{len(everything):,} tables take {size(sum(s.total for s in everything))}"
        if self.smaller:
            rest = size(sum(s.total for s in self.smaller))
            words += f"; drawn are the {BARS} largest, {len(self.smaller):,} smaller ones: {rest}"
        return words

    @property
    def words(self) -> str:
        """A line a table."""
        return "\n".join(
            f"{s.name}: {size(s.total)} (table {size(s.table)}, indexes {size(s.indexes)}, "
            f"long values {size(s.toast)})"
            for s in self.largest
        )

    @property
    def svg(self) -> str:
        """The bars, each of three parts, under one another."""
        height = (len(self.largest) + 2) * (BAR + GAP)
        width = LABEL + WIDTH + RIGHT
        drawn = "".join((*_legend(), *_bars(self.largest)))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}" font-family="Helvetica,Arial,'
            f'sans-serif" font-size="12"><title>{escape(self.summary)}</title>'
            f'<rect width="100%" height="100%" fill="white"/>{drawn}</svg>'
        )

    def blocks(self) -> Sequence[Block]:
        heading = Card(f"Sizes: {self.summary}")
        drawn = [Picture(self.svg, self.words, self.summary)] if self.largest else []
        unknown = ", ".join(self.unknown)
        said = f"Unknown, since another session holds an exclusive lock on it: {unknown}"
        return [heading, *drawn, *([Line(said)] if unknown else [])]


def of(sizes: Iterable[Size], unknown: Iterable[str] = ()) -> Chart:
    """The chart of these tables; those in `unknown` could not be measured."""
    ranked = sorted(sizes, key=lambda each: (-each.total, each.name))
    return Chart(tuple(ranked[:BARS]), tuple(ranked[BARS:]), tuple(unknown))


def _legend() -> Iterator[str]:
    at = LABEL
    for name, colour in PARTS:
        yield f'<rect x="{at}" y="5" width="11" height="11" fill="{colour}"/>'
        yield f'<text x="{at + 16}" y="15" fill="#1f2328">{name}</text>'
        at += 30 + 7 * len(name)


def _bars(sizes: Sequence[Size]) -> Iterator[str]:
    scale = WIDTH / max(1, sizes[0].total)
    for number, each in enumerate(sizes, 1):
        y = number * (BAR + GAP) + GAP
        label = each.name if len(each.name) <= LETTERS else f"{each.name[: LETTERS - 1]}\u2026"
        yield (
            f"<g><title>{_text(each.name)}: {size(each.total)}</title>"
            f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end" fill="#1f2328">'
            f"{_text(label)}</text>"
        )
        x = float(LABEL)
        for (_, colour), part in zip(PARTS, (each.table, each.indexes, each.toast), strict=True):
            yield f'<rect x="{x:.1f}" y="{y}" width="{part * scale:.1f}" height="{BAR}"'
            yield f' fill="{colour}"/>'
            x += part * scale
        yield f'<text x="{x + 6:.1f}" y="{y + 12}" fill="#5f6b7a">{size(each.total)}</text></g>'


def _text(name: str) -> str:
    return escape("".join(char if char.isprintable() else "\ufffd" for char in name))
