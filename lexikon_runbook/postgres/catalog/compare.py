"""A catalog as a value, and what differs between two of them. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from ...show.render import Block, Line, Shown, Table, shorten

ObjectKey = tuple[str, str]
SHOWN = 160
NAME = r'(?:"(?:[^"]|"")*"|[^", .]+)'
RELATION_KINDS = ("table", "foreign table", "view", "materialized view")


@dataclass(frozen=True)
class Catalog:
    """Every object of a schema with its definition; equal schemas are equal values."""

    objects: Mapping[ObjectKey, str]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, as hex, over the sorted objects."""
        digest = hashlib.sha256()
        # One text an object: sorting texts takes a quarter of the time that sorting pairs does.
        for line in sorted(
            [f"{kind}\0{name}\0{text}\0" for (kind, name), text in self.objects.items()]
        ):
            digest.update(line.encode())
        return digest.hexdigest()

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __str__(self) -> str:
        counts = Counter(kind for kind, _ in self.objects if kind != "columns")
        kinds = ", ".join(f"{n} {_plural(kind, n)}" for kind, n in sorted(counts.items()))
        return f"catalog {self.fingerprint[:12]}: {kinds or 'empty'}"

    def __repr__(self) -> str:
        return f"<{self}>"


@dataclass(frozen=True)
class Change:
    """One object that was added (no `before`), removed (no `after`), or changed."""

    kind: str
    name: str
    before: str | None
    after: str | None

    @property
    def sign(self) -> str:
        """`+` for added, `-` for removed, `~` for changed."""
        if self.before is None:
            return "+"
        return "-" if self.after is None else "~"

    @property
    def detail(self) -> str:
        """An added object's definition, or what differs in a changed one; in one line."""
        if self.before is None or self.after is None:
            return shorten(self.after or "", SHOWN)
        before, after = " ".join(self.before.split()), " ".join(self.after.split())
        if before == after:
            return "white space only"
        if len(before) > SHOWN or len(after) > SHOWN:
            before, after = _around_difference(before, after)
        return f"{before} -> {after}"

    def __str__(self) -> str:
        return f"{self.sign} {self.kind} {self.name}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class Difference(Shown):
    """What makes one catalog the other; false when they are equal."""

    added: tuple[Change, ...] = ()
    removed: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        return "\n".join(map(str, self.whole())) or "no difference"

    def summary(self) -> str:
        """One line, as `adds table webhooks, 4 indexes; changes column terms.name`, or none."""
        verbs = (("adds", self.added), ("removes", self.removed), ("changes", self.changed))
        return "; ".join(f"{verb} {_counted(changes)}" for verb, changes in verbs if changes)

    def blocks(self) -> Sequence[Block]:
        rows = [(change.sign, change.kind, change.name, change.detail) for change in self.whole()]
        return [Table(("", "kind", "name", "definition"), rows) if rows else Line("no difference")]

    def whole(self) -> list[Change]:
        """Every change but those of the columns of a table that came or went as a whole."""
        removed = [change for change in self.removed if change.kind != "columns"]
        return _without_parts((*self.added, *removed, *self.changed), {"column"})


def difference(before: Catalog, after: Catalog) -> Difference:
    """Compare two catalogs; what changed is sorted by name. Pure."""
    old, new = before.objects, after.objects
    keys = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    signs: dict[str, list[Change]] = {"+": [], "-": [], "~": []}
    for key in sorted(keys, key=lambda key: (key[1], key[0] == "columns", key[0])):
        change = Change(*key, old.get(key), new.get(key))
        if not _follows(change):
            signs[change.sign].append(change)
    return Difference(*(tuple(changes) for changes in signs.values()))


def without_order(found: Difference, kept: Catalog) -> tuple[Difference, tuple[str, ...]]:
    """The rest of a difference, and the tables whose columns have only another order. Pure.

    Of the tables in `kept` alone: one that was made anew could have had its columns in order.
    """
    names = [change.name for change in found.changed if change.kind == "columns"]
    moved = tuple(name for name in names if ("table", name) in kept.objects)
    rest = [c for c in found.changed if c.kind != "columns" or c.name not in moved]
    return replace(found, changed=tuple(rest)), moved


def _follows(change: Change) -> bool:
    """Whether an order of columns differs only by the columns that came or went."""
    if change.kind != "columns" or change.before is None or change.after is None:
        return False
    before, after = (re.findall(NAME, text) for text in (change.before, change.after))
    kept = set(before) & set(after)
    return [name for name in before if name in kept] == [name for name in after if name in kept]


def _around_difference(before: str, after: str) -> tuple[str, str]:
    """Both texts cut to the first words that differ, however far inside of them these are."""
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
    )
    start = max(0, same - SHOWN // 4)
    lead = "..." if start else ""
    return lead + shorten(before[start:], SHOWN), lead + shorten(after[start:], SHOWN)


def _without_parts(changes: Iterable[Change], kinds: Set[str]) -> list[Change]:
    """The changes but those parts whose table or view came or went as a whole."""
    found = list(changes)
    whole = {(change.sign, change.name) for change in found if change.kind in RELATION_KINDS}
    return [
        change
        for change in found
        if change.kind not in kinds
        or change.sign == "~"
        or (change.sign, re.sub(rf"\.{NAME}$", "", change.name)) not in whole
    ]


def _counted(changes: Iterable[Change]) -> str:
    found = _without_parts(changes, {"column", "constraint"})
    whole = {change.name for change in found if change.kind in RELATION_KINDS}
    names: dict[str, list[str]] = {}
    for change in found:
        if change.kind != "columns" or change.name not in whole:
            names.setdefault(change.kind, []).append(change.name.removeprefix("public."))
    kinds = sorted(names, key=lambda kind: (kind != "table", kind))
    return ", ".join(_some(kind, names[kind]) for kind in kinds)


def _some(kind: str, names: list[str]) -> str:
    many = len(names) > (3 if kind in ("table", "column") else 1)
    said = _plural(kind, len(names))
    return f"{len(names)} {said}" if many else f"{said} {', '.join(names)}"


def _plural(kind: str, number: int) -> str:
    if number == 1 or kind in ("columns", "statistics"):
        return kind
    if kind.endswith("y"):
        return f"{kind[:-1]}ies"
    return f"{kind}es" if kind.endswith(("x", "ss")) else f"{kind}s"
