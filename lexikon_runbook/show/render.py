"""Values that show themselves: the same blocks as escaped HTML and as plain text."""

from __future__ import annotations

import base64
import functools
import html
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Literal

Tone = Literal["good", "plain", "warning", "danger"]
COLOURS = {"good": "#2e7d32", "plain": "#5f6b7a", "warning": "#b26a00", "danger": "#b3261e"}
MARKS = {"good": "ok", "plain": "--", "warning": "!", "danger": "!!"}
WIDTH = 100
CELL_WIDTH = 44
CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


@dataclass(frozen=True)
class Card:
    """A heading with labelled lines under it."""

    title: str
    lines: Sequence[tuple[str, str]] = ()
    tone: Tone = "plain"

    def text(self) -> str:
        """The card as plain text."""
        width = max((len(label) for label, _ in self.lines), default=0)
        body = [
            textwrap.indent(_hanging(f"{label:<{width}}  ", value), "  ")
            for label, value in self.lines
        ]
        return "\n".join([f"[{MARKS[self.tone]}] {self.title}", *body])

    def html(self) -> str:
        """The card as escaped HTML."""
        lines = "".join(
            f"<tr><th style='{CELL};font-weight:600;white-space:nowrap'>{html.escape(label)}</th>"
            f"<td style='{CELL};white-space:pre-wrap'>{html.escape(value)}</td></tr>"
            for label, value in self.lines
        )
        table = f"<table style='margin:2px 0'>{lines}</table>" if lines else ""
        return (
            f"<div style='border-left:5px solid {COLOURS[self.tone]};padding:2px 12px;"
            f"margin:6px 0'><b style='color:{COLOURS[self.tone]}'>{html.escape(self.title)}</b>"
            f"{table}</div>"
        )


@dataclass(frozen=True)
class Table:
    """Rows under headings; a row's tone colours its first cell.

    `numbers` are the positions of the columns that are set to the right.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    tones: Sequence[Tone] = ()
    numbers: Sequence[int] = ()

    def text(self) -> str:
        """The table as plain text, its columns aligned and long cells wrapped."""
        cells = [[[h] for h in self.headings]]
        cells += [[_wrapped(cell, CELL_WIDTH) for cell in row] for row in self.rows]
        widths = [max(len(part) for row in cells for part in row[i]) for i in range(len(cells[0]))]
        lines = []
        for row in cells:
            lines += [
                "  ".join(
                    c.rjust(w) if i in self.numbers else c.ljust(w)
                    for i, (c, w) in enumerate(zip(parts, widths, strict=True))
                )
                for parts in zip_longest(*row, fillvalue="")
            ]
        lines.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join(f"  {line.rstrip()}" for line in lines)

    def html(self) -> str:
        """The table as escaped HTML."""
        cells = [
            f"{CELL};text-align:right" if i in self.numbers else CELL
            for i in range(len(self.headings))
        ]
        spaces = ["nowrap" if i in self.numbers else "pre-wrap" for i in range(len(cells))]
        head = "".join(
            f"<th style='{cell}'>{html.escape(h)}</th>"
            for cell, h in zip(cells, self.headings, strict=True)
        )
        body = ""
        for number, row in enumerate(self.rows):
            tone = self.tones[number] if number < len(self.tones) else "plain"
            first = f"color:{COLOURS[tone]};font-weight:600" if tone != "plain" else ""
            body += "<tr>" + "".join(
                f"<td style='{cells[i]};white-space:{spaces[i]};{first if i == 0 else ''}'>"
                f"{html.escape(cell)}</td>"
                for i, cell in enumerate(row)
            )
            body += "</tr>"
        return (
            f"<table style='margin:6px 0'><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


@dataclass(frozen=True)
class Code:
    """Text to be read letter by letter: SQL, a log, a command."""

    source: str
    title: str = ""

    def text(self) -> str:
        """The code, indented under its title."""
        body = textwrap.indent(self.source, "    ")
        return f"  {self.title}\n{body}" if self.title else body

    def html(self) -> str:
        """The code as escaped HTML."""
        title = f"<div><b>{html.escape(self.title)}</b></div>" if self.title else ""
        return (
            f"{title}<pre style='margin:4px 0 8px 0;padding:6px 10px;border:1px solid #8884;"
            f"white-space:pre-wrap'>{html.escape(self.source)}</pre>"
        )


@dataclass(frozen=True)
class Line:
    """One paragraph."""

    source: str

    def text(self) -> str:
        """The paragraph."""
        return f"  {self.source}"

    def html(self) -> str:
        """The paragraph as escaped HTML."""
        return f"<div style='margin:4px 0;white-space:pre-wrap'>{html.escape(self.source)}</div>"


@dataclass(frozen=True)
class Picture:
    """A drawing, and the same in words.

    As an image it can neither run nor load anything, and is shown where nothing is trusted.
    """

    svg: str
    words: str
    title: str = ""

    def text(self) -> str:
        """The words."""
        return textwrap.indent(self.words, "  ")

    def html(self) -> str:
        """The drawing in its own size; it scrolls where it is wider than the page."""
        data = base64.b64encode(self.svg.encode()).decode()
        return (
            "<div style='overflow:auto;margin:6px 0'><img style='max-width:none' "
            f"alt='{html.escape(self.title, quote=True)}' src='data:image/svg+xml;base64,{data}'>"
            "</div>"
        )


Block = Card | Table | Code | Line | Picture


class Shown(ABC):
    """A value that shows itself by its `blocks`, in a notebook and in a terminal."""

    def __init_subclass__(cls) -> None:
        # IPython takes a class's own __repr__, as dataclasses have, before an inherited method.
        cls._repr_pretty_ = Shown._repr_pretty_  # type: ignore[method-assign]

    @abstractmethod
    def blocks(self) -> Sequence[Block]:
        """What is shown, from top to bottom."""

    def __str__(self) -> str:
        return "\n".join(block.text() for block in self.blocks())

    def _repr_html_(self) -> str:
        return "".join(block.html() for block in self.blocks())

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))


def _hanging(label: str, value: str) -> str:
    """A label with its value beside it, wrapped and indented under itself."""
    lines = _wrapped(value, max(20, WIDTH - len(label) - 2))
    return label + ("\n" + " " * len(label)).join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of about that width. A word stays whole: it is copied, or a secret to be masked."""
    whole = functools.partial(
        textwrap.wrap, width=width, break_long_words=False, break_on_hyphens=False
    )
    lines = (whole(line) or [""] for line in text.splitlines() or [""])
    return list(chain.from_iterable(lines))


def duration(seconds: float) -> str:
    """Seconds in words: `0.2 s`, `38 ms`, `14 min`."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: int) -> str:
    """Bytes in words: `8.1 MB`, as pg_size_pretty counts them (1024)."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def shorten(text: str, most: int = 120) -> str:
    """One line of at most `most` characters, its white space collapsed."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 3]}..."
