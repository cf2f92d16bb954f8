"""What is no drift: what `ignore` of a target names, and partitions that a job adds. Pure.

What env.py itself leaves out is asked of it, in `by_env_py`.

A glob is `kind:schema.name`, as a difference shows them (`table:public.events_*`,
`extension:*`, `*:audit.*`). A table that is left out takes its columns, indexes, constraints,
triggers, policies, sequences, grants and comments along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..postgres.catalog import Catalog, Change, Difference
from ..postgres.catalog.compare import NAME, RELATION_KINDS

PARTS = ("column", "constraint", "trigger", "rule", "policy")
NOTES = ("comment", "grant", "security label")
LAST = re.compile(rf"\.{NAME}$")
ON = re.compile(rf"\bON (?:ONLY )?({NAME}\.{NAME})")
OWNED_BY = re.compile(rf" owned by ({NAME}\.{NAME})\.{NAME}(?:;|$)")
OF_COLUMN = re.compile(rf" owned by ({NAME}\.{NAME}\.{NAME})(?:;|$)")
NOTED = re.compile(rf"(?:\S+ )?table column ({NAME}\.{NAME}\.{NAME})")
NOTED_SCHEMA = re.compile(rf"(?:\S+ )?schema ({NAME})(?: |$)")
QUALIFIED = re.compile(rf"{NAME}\.{NAME}")
BY_ENV_PY = "`include_name` or `include_object` of env.py"
PARTITION = re.compile(r"(?:^|; )partition of (.+?); (?:FOR VALUES |DEFAULT)")


def relation_of(change: Change) -> str:
    """The table or view that an object is, or belongs to; "" for any other. Pure."""
    text = change.after or change.before or ""
    if change.kind in (*RELATION_KINDS, "columns"):
        return change.name
    if change.kind in PARTS:
        return LAST.sub("", change.name)
    if change.kind == "index":
        found = ON.search(text)
    elif change.kind == "sequence":
        found = OWNED_BY.search(text)
    elif change.kind in NOTES:
        return _of_note(change.name)
    else:
        return ""
    return found[1] if found else ""


def column_of(change: Change) -> str:
    """The column that an object is, or belongs to, with its table; "" for any other. Pure."""
    if change.kind == "column":
        return change.name
    if change.kind == "sequence":
        found = OF_COLUMN.search(change.after or change.before or "")
        return found[1] if found else ""
    found = NOTED.match(change.name) if change.kind in NOTES else None
    return found[1] if found else ""


def schema_of(change: Change) -> str:
    """The schema that an object is, or lies in; "" for one that lies in none. Pure."""
    if change.kind == "schema":
        return change.name
    if change.kind in NOTES and (noted := NOTED_SCHEMA.match(change.name)):
        return noted[1]
    name = relation_of(change) or change.name
    found = re.match(rf"({NAME})\.{NAME}", name)
    return found[1] if found else ""


def _of_note(name: str) -> str:
    """`table column public.t.c`, `trigger g on public.t`, `table public.t TO somebody`."""
    thing = name.partition(" TO ")[0].rpartition(" on ")[2]
    found = QUALIFIED.search(thing)
    return found[0] if found else ""


@dataclass(frozen=True)
class Ignored:
    """The globs of a target's `ignore`."""

    globs: tuple[str, ...] = ()

    def __contains__(self, thing: object) -> bool:
        """Whether a (kind, name) is left out. Pure."""
        kind, name = thing if isinstance(thing, tuple) else ("", "")
        plain = name.replace('"', "")
        texts = (plain, plain.partition("(")[0])  # a function's name has its arguments
        for glob in self.globs:
            of_kind, _, of_name = glob.partition(":")
            if fnmatchcase(kind, of_kind) and any(fnmatchcase(text, of_name) for text in texts):
                return True
        return False

    def relation(self, name: str) -> bool:
        """Whether a table or view of that name is left out, with all its parts. Pure."""
        return bool(name) and any((kind, name) in self for kind in RELATION_KINDS)


@dataclass(frozen=True)
class LeftOut:
    """What was left out of a difference: partitions with their tables, the number of objects."""

    partitions: Mapping[str, str]
    ignored: int = 0
    by_env_py: int = 0

    def __str__(self) -> str:
        several = [f"{name} of {of}" for name, of in sorted(self.partitions.items())]
        more = f" and {len(several) - 5} more" if len(several) > 5 else ""
        said = [f"partitions that no migration makes: {', '.join(several[:5])}{more}"]
        counted = ((self.ignored, "`ignore`"), (self.by_env_py, BY_ENV_PY))
        numbers = [f"{n} {'object' if n == 1 else 'objects'} by {by}" for n, by in counted if n]
        return "; ".join([*(said if several else []), *numbers])


NOTHING = LeftOut({})


def of(difference: Difference, live: Catalog, ignore: Iterable[str]) -> tuple[Difference, LeftOut]:
    """A difference from what the migrations build to a live catalog, without what is no drift."""
    ignored, partitions = Ignored(tuple(ignore)), _added_partitions(difference, live)
    number = 0

    def kept(change: Change) -> bool:
        nonlocal number
        relation = relation_of(change)
        if relation in partitions:
            return False
        if (change.kind, change.name) in ignored or ignored.relation(relation):
            number += 1
            return False
        return True

    rest = Difference(
        added=tuple(filter(kept, difference.added)),
        removed=tuple(filter(kept, difference.removed)),
        changed=tuple(filter(kept, difference.changed)),
    )
    return rest, LeftOut(partitions, number)


def _added_partitions(difference: Difference, live: Catalog) -> dict[str, str]:
    """The partitions that only the live database has, of tables that both have, and their own."""
    added = {c.name for c in difference.added if c.kind in ("table", "foreign table")}
    found: dict[str, str] = {}
    parents = {
        name: parent[1]
        for (kind, name), text in live.objects.items()
        if kind in ("table", "foreign table") and (parent := PARTITION.search(text))
    }
    for name in added & parents.keys():
        top = name
        while top in added and top in parents:
            top = parents[top]
        if top not in added:
            found[name] = parents[name]
    return found
