"""Tables and the foreign keys between them, as a picture and in words.

Graphviz lays the picture out (graphviz-pure beside this Python, else `dot`): referenced tables to
the left, a table's keys as rows that the edges end at. Pure but for that program.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import NamedTuple

from ..show.render import Block, Card, Line, Picture, Shown

WHOLE = 40  # tables drawn with all their columns; from there on with their keys only
DRAWN = 400  # tables; more can't be read, and take Graphviz many seconds
PROGRAMS = ("graphviz-pure", "dot")
INSTALL = "pip install 'lexikon-runbook[diagram]'"
LONGEST_S = 120.0
COLOURS = ("#1f5f8b", "#b26a00", "#2e7d32", "#8e3b8a", "#b3261e", "#3f51b5", "#00796b", "#6d4c41")
GRAPH = """digraph "schema" {
graph [rankdir=LR bgcolor="white" pad=0.2 nodesep=0.22 ranksep=1.1 pack=24 packmode="graph"
  fontname="Helvetica"]
node [shape=plain fontname="Helvetica" fontsize=12]
edge [dir=both arrowsize=0.7 penwidth=1.1]
"""
HEAD = '<TR><TD COLSPAN="3" BGCOLOR="#dfe8f3" ALIGN="LEFT" CELLPADDING="5"><B>{0}</B></TD></TR>'
ROW = (
    '<TR><TD ALIGN="LEFT" PORT="{port}w"><FONT POINT-SIZE="9" COLOR="#8a5a00">{keys}</FONT></TD>'
    '<TD ALIGN="LEFT">{name}</TD><TD ALIGN="LEFT" PORT="{port}e"><FONT COLOR="#5f6b7a">{type}'
    "</FONT></TD></TR>"
)
MORE = '<TR><TD COLSPAN="3" ALIGN="LEFT"><FONT COLOR="#5f6b7a">and {} more</FONT></TD></TR>'
LEGEND = (
    "PK primary key, FK foreign key, * not null. An edge goes from the referenced key on its left "
    "to the column that refers to it; a crow's foot means many, a circle none or one."
)


@dataclass(frozen=True)
class Column:
    """One column of a table; `key` when it is part of any key or referred to by one."""

    name: str
    type: str
    required: bool = False
    primary: bool = False
    foreign: bool = False
    key: bool = False

    @property
    def marks(self) -> str:
        """`PK`, `FK`, both or nothing."""
        return " ".join(m for m, is_so in (("PK", self.primary), ("FK", self.foreign)) if is_so)

    def __str__(self) -> str:
        words = [self.name + ("*" if self.required else ""), self.type, self.marks]
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Entity:
    """One table, by its name as a reader knows it."""

    name: str
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Reference:
    """One foreign key. `single`: at most one row refers to a key; `optional`: it may be NULL."""

    source: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    action: str = ""
    optional: bool = False
    single: bool = False

    def __str__(self) -> str:
        action = f" ({self.action})" if self.action else ""
        own, other = ", ".join(self.columns), ", ".join(self.target_columns)
        return f"{self.source}({own}) -> {self.target}({other}){action}"


@dataclass(frozen=True)
class Diagram(Shown):
    """The tables of a schema and how they refer to each other.

    `svg` is the picture, empty where Graphviz could not draw it; `why` then says why. `drawn` are
    the tables in it: all, or the most connected ones.
    """

    entities: tuple[Entity, ...]
    references: tuple[Reference, ...]
    drawn: tuple[Entity, ...]
    svg: str = ""
    why: str = ""

    @cached_property
    def summary(self) -> str:
        """What is drawn, and what is left out, in a sentence."""
        counted = f"{_count(len(self.entities), 'table')}, " + _count(
            len(self.references), "foreign key"
        )
        left = len(self.entities) - len(self.drawn)
        if left:
            counted += f"; drawn are the {DRAWN} most connected tables, {left:,} are left out"
        if len(self.drawn) > WHOLE:
            counted += "; only keys are drawn as columns"
        return counted

    @property
    def words(self) -> str:
        """Every table and every reference as a line."""
        tables = (f"{e.name}: {', '.join(map(str, e.columns))}" for e in self.entities)
        return "\n".join((*tables, *map(str, self.references)))

    def blocks(self) -> Sequence[Block]:
        heading = Card(f"Diagram: {self.summary}")
        if not self.entities:
            return [heading]
        if not self.svg:
            return [heading, Line(f"Not drawn: {self.why}"), Line(self.words)]
        return [heading, Picture(self.svg, self.words, self.summary), Line(LEGEND)]


def draw(entities: Iterable[Entity], references: Iterable[Reference]) -> Diagram:
    """The diagram of these tables. Runs Graphviz; a failure of it is said in the value."""
    every, keys = tuple(entities), tuple(references)
    drawn = _most_connected(every, keys)
    svg, why = _rendered(dot(drawn, keys)) if every else ("", "")
    return Diagram(every, keys, drawn, svg, why)


def _most_connected(entities: tuple[Entity, ...], keys: Sequence[Reference]) -> tuple[Entity, ...]:
    """At most DRAWN tables: those with the most foreign keys from and to them, in their order."""
    ends = Counter(end for key in keys for end in {key.source, key.target})
    ranked = sorted(entities, key=lambda entity: -ends[entity.name])[:DRAWN]
    kept = {entity.name for entity in ranked}
    return tuple(entity for entity in entities if entity.name in kept)


def dot(entities: Sequence[Entity], references: Iterable[Reference]) -> str:
    """These tables in Graphviz's language, references to any others left out. Pure."""
    whole = len(entities) <= WHOLE
    shown = [entity if whole else _keys_only(entity) for entity in entities]
    names = {entity.name for entity in entities}
    nodes = [_node(f"t{i}", e, len(entities[i].columns)) for i, e in enumerate(shown)]
    ends = {e.name: _End(f"t{i}", [c.name for c in e.columns]) for i, e in enumerate(shown)}
    edges = [
        _edge(key, ends[key.target], ends[key.source])
        for key in references
        if key.source in names and key.target in names
    ]
    return GRAPH + "".join((*nodes, *edges)) + "}\n"


def _keys_only(entity: Entity) -> Entity:
    return replace(entity, columns=tuple(c for c in entity.columns if c.key))


class _End(NamedTuple):
    """A node as an edge ends at it: its id, and its columns in the order of their ports."""

    id: str
    columns: list[str]

    def at(self, columns: Sequence[str], side: str) -> str:
        """The place of the first of these columns, on that side of it."""
        if columns and columns[0] in self.columns:
            return f"{self.id}:c{self.columns.index(columns[0])}{side}:{side}"
        return f"{self.id}:{side}"


def _node(id_: str, entity: Entity, width: int) -> str:
    rows = "".join(_rows(entity.columns))
    # A rule may not be the last thing in a table.
    head = HEAD.format(_html(entity.name)) + ("<HR/>" if rows or width else "")
    if width > len(entity.columns):
        rows += MORE.format(width - len(entity.columns))
    table = (
        '<TABLE BORDER="1" COLOR="#8793a1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" '
        f'BGCOLOR="white">{head}{rows}</TABLE>'
    )
    return f"{id_} [label=<{table}>]\n"


def _rows(columns: Sequence[Column]) -> Iterator[str]:
    for number, column in enumerate(columns):
        name = _html(column.name) + ("*" if column.required else "")
        if column.primary:
            name = f"<B>{name}</B>"
        # Graphviz refuses an empty FONT.
        yield ROW.format(
            port=f"c{number}",
            keys=column.marks or " ",
            name=name,
            type=_html(column.type) or " ",
        )


def _edge(key: Reference, target: _End, source: _End) -> str:
    tail_arrow = "teeodot" if key.optional else "tee"
    head_arrow = "teeodot" if key.single else "crow"
    colour = COLOURS[sum(key.target.encode()) % len(COLOURS)]
    return (
        f"{target.at(key.target_columns, 'e')} -> {source.at(key.columns, 'w')} "
        f'[arrowtail={tail_arrow} arrowhead={head_arrow} color="{colour}"]\n'
    )


def _html(text: str) -> str:
    # Graphviz puts a node's name in the place of \N, and knows more of these.
    return escape(_printable(text)).replace("\\", "\\\\")


def _printable(text: str) -> str:
    """The text without what XML may not hold, and in one line."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _rendered(source: str) -> tuple[str, str]:
    """Graphviz's SVG and nothing, or nothing and why there is none."""
    program = _program()
    if program is None:
        return "", f"there is no Graphviz here: {INSTALL}"
    try:
        ended = subprocess.run(
            [program, "-Tsvg"],
            input=source.encode(),
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"{Path(program).name} did not draw it: {error}"
    svg = ended.stdout.decode("utf-8", "replace")
    if ended.returncode or "</svg>" not in svg:
        said = ended.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        return "", f"{Path(program).name} did not draw it: {said or ended.returncode}"
    return _plain(svg), ""


def _program() -> str | None:
    beside = str(Path(sys.executable).parent)
    return next(
        (
            found
            for name in PROGRAMS
            for found in (shutil.which(name, path=beside), shutil.which(name))
            if found
        ),
        None,
    )


def _plain(svg: str) -> str:
    """The SVG alone: no header that names a place elsewhere, no comment, no id as a title.

    In pixels, since a page's own text is so, too.
    """
    own = re.sub(r"<!--.*?-->\s*|<title>.*?</title>\s*", "", svg[svg.index("<svg") :], flags=re.S)
    return re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', own, count=2)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
