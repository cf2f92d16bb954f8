"""The proof of a revision: up, down and up again on a throwaway database, compared whole.

Complete catalogs are compared, not only what SQLAlchemy reflects: a function, view, sequence,
enum type, policy, grant or storage parameter that the downgrade leaves behind is named, with the
line that downgrade() lacks. Then once more up and down, with a row in each table it touches.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import ModelsUnusable, NotBuilt
from ..postgres.catalog import Catalog, Difference, difference, without_order
from ..project.history import Direction, History, Revision
from ..rehearsal import rows
from ..rehearsal.rows import Filled
from ..rehearsal.throwaway import Throwaway
from ..show.render import Block, Card, Code, Line, Shown, Table, Tone, duration
from . import undoing
from .comparing import Changes, changes

WAYS: tuple[tuple[str, Direction], ...] = (
    ("up", "upgrade"),
    ("down", "downgrade"),
    ("up again", "upgrade"),
)


@dataclass(frozen=True)
class Way:
    """One run of the revision: its seconds and the catalog after it, or why it failed."""

    name: str
    took_s: float
    catalog: Catalog | None
    failed: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.failed or duration(self.took_s)}"


@dataclass(frozen=True)
class Proof(Shown):
    """What became of a revision that was run up, down and up again.

    `left` reads from before the upgrade to after the downgrade, `second` from the first upgrade
    to the second; None where that was not reached. `models` is what Alembic still finds between
    the models and the upgraded schema: None where it did not look, and `unlooked` says why;
    `must_match` is whether a difference counts. `moved` are the tables whose columns end in another
    order: a column that is added again comes last, and no ALTER TABLE puts it elsewhere.
    """

    revision: str
    built_on: str
    ways: tuple[Way, ...]
    left: Difference | None
    second: Difference | None
    models: Changes | None
    unlooked: str
    must_match: bool
    filled: Filled
    moved: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """What does not hold, a line each."""
        found = [str(way) for way in self.ways if way.failed]
        if self.left:
            found.append(f"down does not undo up: {_undone(self.left)}")
        if self.second:
            found.append(f"up again makes something else: it {self.second.summary()}")
        if self.models and self.must_match:
            found.append(f"the models still want: {_wanted(self.models)}")
        return tuple(found)

    @property
    def holds(self) -> bool:
        """Whether the revision is proved."""
        return not self.failures

    def blocks(self) -> Sequence[Block]:
        tone: Tone = "good" if self.holds else "danger"
        if self.holds and (self.models or self.moved):
            tone = "warning"
        lines = [
            ("Because", "\n".join(self.failures)),
            ("Ways", "\n".join(map(str, self.ways))),
            ("Down undoes up", _equal(self.left)),
            ("Up twice", _equal(self.second)),
            ("Order of columns", _reordered(self.moved)),
            ("Models match", self._models()),
            ("Rows", str(self.filled)),
            ("On", f"throwaway databases, PostgreSQL {self.built_on}"),
        ]
        title = f"Proof of {self.revision}: {'it holds' if self.holds else 'it fails'}"
        card = Card(title, [(label, text) for label, text in lines if text], tone)
        return [card, *self._differences()]

    def _models(self) -> str:
        if self.models is None:
            return f"not compared: {self.unlooked}"
        return f"no, they still want: {_wanted(self.models)}" if self.models else "yes"

    def _differences(self) -> Iterator[Block]:
        if self.left:
            yield Line("After the downgrade, compared with before the upgrade:")
            yield from self.left.blocks()
            yield Code("\n".join(undoing.lines(self.left)), "Add at the end of downgrade():")
        if self.second:
            yield Line("After the second upgrade, compared with after the first:")
            yield from self.second.blocks()
        if self.models:
            wanted = [(o.words, o.what, o.detail) for o in self.models.operations]
            yield Table(("the models still want", "of", "in full"), wanted)


def _equal(found: Difference | None) -> str:
    if found is None:
        return "not reached"
    return "no, see below" if found else "yes, the complete catalogs are equal"


def _reordered(tables: Sequence[str]) -> str:
    if not tables:
        return ""
    return (
        f"another one in {', '.join(tables)}: a column that is added again comes last, which "
        "matters to INSERT and COPY without a list of columns, and to SELECT *"
    )


def _wanted(found: Changes) -> str:
    return ", ".join(f"{o.words} {o.what}" for o in found.operations)


def _undone(left: Difference) -> str:
    """What a downgrade left, lost and changed, in words."""
    said = [
        f"{verb} {Difference(added=tuple(some)).summary().removeprefix('adds ')}"
        for verb, some in (("it leaves", left.added), ("it does not bring back", left.removed))
        if some
    ]
    if left.changed:
        said.append(f"it {Difference(changed=left.changed).summary()}")
    return "; ".join(said)


def prove(
    base: Throwaway,
    history: History,
    revision: Revision,
    models: str,
    *,
    written: Iterable[str] = (),
    must_match: bool = True,
    unlooked: str = "",
) -> Proof:
    """Run the revision up, down and up on copies of the base. Writes these copies only.

    `written` names tables whose rows it writes; `unlooked` is why the models are not compared,
    "" when they are. Never raises for what the revision does: the value says so.
    """
    found: Changes | None = None
    with base.copy(history) as copy:
        before = copy.catalog()
        ways = _go(copy, revision, WAYS)
        catalogs = [way.catalog for way in ways] + [None] * len(WAYS)
        if catalogs[2] is not None and not unlooked:
            found, unlooked = _compared(copy, models)
    filled = Filled()
    if catalogs[2] is not None:
        touched = _touched(before, catalogs[0], written)
        with base.copy(history) as copy:
            with copy.connected() as connection:
                filled = rows.fill(connection, touched)
            if filled.tables:
                named = [(f"{name}, with rows", way) for name, way in WAYS[:2]]
                ways += _go(copy, revision, named)
    left, moved = _between(before, catalogs[1], catalogs[0])
    second, again = _between(catalogs[0], catalogs[2], catalogs[1])
    return Proof(
        revision=revision.id,
        built_on=base.identity.version,
        ways=tuple(ways),
        left=left,
        second=second,
        models=found,
        unlooked=unlooked or "the revision did not get so far",
        must_match=must_match,
        filled=filled,
        moved=tuple(dict.fromkeys([*moved, *again])),
    )


def _go(copy: Throwaway, revision: Revision, ways: Iterable[tuple[str, Direction]]) -> list[Way]:
    """Run the revision one way after the other, until one fails."""
    gone: list[Way] = []
    for name, direction in ways:
        began = time.monotonic()
        try:
            (copy.forth if direction == "upgrade" else copy.back)(revision.id)
        except NotBuilt as error:
            gone.append(Way(name, time.monotonic() - began, None, error.cause))
            break
        gone.append(Way(name, time.monotonic() - began, copy.catalog()))
    return gone


def _between(
    before: Catalog | None, after: Catalog | None, way: Catalog | None
) -> tuple[Difference | None, tuple[str, ...]]:
    """What differs, but for the order of columns in tables that were there all the `way`."""
    if before is None or after is None or way is None:
        return None, ()
    return without_order(difference(before, after), way)


def _compared(copy: Throwaway, models: str) -> tuple[Changes | None, str]:
    try:
        found = changes(copy, models)
    except ModelsUnusable as error:
        return None, error.happened
    return (None, found.unlooked) if found.unlooked else (found, "")


def _touched(before: Catalog, after: Catalog | None, written: Iterable[str]) -> list[str]:
    """The tables that were there before and that the upgrade changes or writes, as in SQL."""
    there = {name for kind, name in before.objects if kind == "table"}
    found = {name if "." in name else f"public.{name}" for name in written}
    if after is not None:
        made = difference(before, after)
        for change in (*made.added, *made.removed, *made.changed):
            found.add(change.name if change.kind == "table" else undoing.table_of(change))
    return sorted(found & there)
