"""The line that a downgrade lacks, for each object that it left, lost or changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..plan.rules.rule import execute
from ..postgres.catalog import Change, Difference

NAME = r'(?:"(?:[^"]|"")*"|[^". ]+)'
LAST = re.compile(rf"^(.*)\.({NAME})$", re.S)
ON_TABLE = ("trigger", "rule", "policy")
TYPES = ("enum", "composite", "range", "base type")
# What others depend on goes last: a table before its types, a policy before its table.
ORDER = ("grant", "default privilege", "comment", *ON_TABLE, "constraint", "index", "column")
LATE = (
    "view",
    "materialized view",
    "table",
    "foreign table",
    "sequence",
    "function",
    "procedure",
    "aggregate",
    "domain",
)
RELATIONS = ("table", "foreign table", "view", "materialized view")
STORED = re.compile(r"(?:^|; )with ([^;]*)")
FLAGS = {
    "row security": ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
    "force row security": ("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
}


def table_of(change: Change) -> str:
    """The table that a part of one goes with; "" for what has none."""
    if change.kind in ("column", "constraint", *ON_TABLE):
        return LAST.sub(r"\1", change.name)
    if change.kind == "sequence":
        owner = re.search(r"owned by (\S+)", change.before or change.after or "")
        return LAST.sub(r"\1", owner[1].rstrip(";")) if owner else ""
    if change.kind == "index":
        on = re.search(rf" ON (?:ONLY )?({NAME}\.{NAME})", change.before or change.after or "")
        return on[1] if on else ""
    return ""


def lines(difference: Difference) -> tuple[str, ...]:
    """What to add at the end of downgrade(), in an order that works.

    `difference` reads from before the upgrade to after the downgrade. A comment stands where no
    statement can be given.
    """
    whole = [c for c in (*difference.added, *difference.removed) if c.kind in RELATIONS]
    tables = {(c.sign, c.name) for c in whole}
    found = [
        change
        for change in (*difference.added, *difference.changed, *difference.removed)
        if change.kind != "columns" and (change.sign, table_of(change)) not in tables
    ]
    return tuple(line for change in sorted(found, key=_place) for line in _lines(change))


def _place(change: Change) -> tuple[bool, int, str]:
    """What goes, what depends on others first; then what comes back, the other way round."""
    late = LATE.index(change.kind) + 1 if change.kind in LATE else 0
    place = len(ORDER) + late + (len(LATE) if change.kind in TYPES else 0)
    if change.kind in ORDER:
        place = ORDER.index(change.kind)
    if change.kind == "schema":  # it goes after all that it holds
        place = len(ORDER) + 2 * len(LATE)
    back = change.sign == "-"
    return back, -place if back else place, change.name


def _lines(change: Change) -> Iterator[str]:
    sql = list(_left(change) if change.sign == "+" else _lost(change))
    yield from (execute(text) for text in sql)
    if not sql:
        verb = {"+": "remove", "-": "bring back", "~": "put back"}[change.sign]
        yield f"# {verb} {change.kind} {change.name}: {change.detail}"


def _left(change: Change) -> Iterator[str]:
    """The statement that removes what the downgrade left behind."""
    kind, name = change.kind, change.name
    part = LAST.match(name)
    if kind in ("column", "constraint") and part:
        yield f"ALTER TABLE {part[1]} DROP {kind.upper()} {part[2]}"
    elif kind in ON_TABLE and part:
        yield f"DROP {kind.upper()} {part[2]} ON {part[1]}"
    elif kind in TYPES:
        yield f"DROP TYPE {name}"
    elif kind == "comment":
        yield f"COMMENT ON {_spoken(name)} IS NULL"
    elif kind == "grant":
        yield from _granted("REVOKE", "FROM", name, change.after or "")
    elif kind not in ("default privilege", "security label"):
        yield f"DROP {kind.upper()} {name}"


def _lost(change: Change) -> Iterator[str]:
    """The statement that brings back what the downgrade took away or changed."""
    kind, before = change.kind, re.sub(r"(^|; )owner [^;]*$", "", change.before or "")
    part = LAST.match(change.name)
    if kind == "table" and change.sign == "~":
        yield from _settings(change.name, before, change.after or "")
    elif kind == "column" and part and change.sign == "-":
        yield f"ALTER TABLE {part[1]} ADD COLUMN {part[2]} {before}"
    elif kind == "column" and part:
        yield from _column(part[1], part[2], before, change.after or "")
    elif kind == "constraint" and part:
        if change.sign == "~":
            yield f"ALTER TABLE {part[1]} DROP CONSTRAINT {part[2]}"
        yield f"ALTER TABLE {part[1]} ADD CONSTRAINT {part[2]} {before}"
    elif kind in ("index", "trigger", "rule"):
        if change.sign == "~":
            yield from _left(change)
        yield before
    elif kind in ("view", "materialized view"):
        replace = "OR REPLACE " if kind == "view" and change.sign == "~" else ""
        yield f"CREATE {replace}{kind.upper()} {change.name} AS {before.strip()}"
    elif kind in ("function", "procedure"):
        yield before
    elif kind == "enum" and change.sign == "-":
        yield f"CREATE TYPE {change.name} AS ENUM ({before})"
    elif kind == "grant":
        was, is_now = ((text or "none").split(", ") for text in (before, change.after))
        more, fewer = ([p for p in a if p not in b] for a, b in ((is_now, was), (was, is_now)))
        yield from _granted("REVOKE", "FROM", change.name, ", ".join(more))
        yield from _granted("GRANT", "TO", change.name, ", ".join(fewer))


def _settings(table: str, before: str, after: str) -> Iterator[str]:
    """Storage parameters and flags of a table, put back one by one."""
    old, new = (_parameters(text) for text in (before, after))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"ALTER TABLE {table} " + (
                f"SET ({key} = {old[key]})" if key in old else f"RESET ({key})"
            )
    for flag, (on, off) in FLAGS.items():
        was, is_now = (flag in text.split("; ") for text in (before, after))
        if was != is_now:
            yield f"ALTER TABLE {table} {on if was else off}"


def _parameters(text: str) -> dict[str, str]:
    found = STORED.search(text)
    pairs: Sequence[str] = found[1].split(", ") if found else ()
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def _column(table: str, column: str, before: str, after: str) -> Iterator[str]:
    """A column's type, default and NOT NULL, put back where they differ."""
    (old_type, old_default, old_null), (new_type, new_default, new_null) = (
        _definition(text) for text in (before, after)
    )
    start = f"ALTER TABLE {table} ALTER COLUMN {column}"
    if old_type != new_type:
        yield f"{start} TYPE {old_type} USING {column}::{old_type}"
    if old_default != new_default:
        yield f"{start} SET DEFAULT {old_default}" if old_default else f"{start} DROP DEFAULT"
    if old_null != new_null:
        yield f"{start} {'SET' if old_null else 'DROP'} NOT NULL"


def _definition(text: str) -> tuple[str, str, bool]:
    """A column's type, default ("" for none), and whether it is NOT NULL."""
    required = text.endswith(" NOT NULL")
    type_, _, default = text.removesuffix(" NOT NULL").partition(" DEFAULT ")
    return type_, default, required


def _granted(verb: str, to: str, name: str, privileges: str) -> Iterator[str]:
    """GRANT or REVOKE of an entry named `table public.t TO role`."""
    found = re.fullmatch(r"(.*) TO (.+)", name, re.S)
    if not found or privileges in ("", "none"):
        return
    option = " WITH GRANT OPTION" if "WITH GRANT OPTION" in privileges and verb == "GRANT" else ""
    plain = privileges.replace(" WITH GRANT OPTION", "")
    thing, column = _spoken(found[1]), ""
    if thing.startswith("table column "):
        part = LAST.match(thing.removeprefix("table column "))
        thing, column = (f"table {part[1]}", f" ({part[2]})") if part else (thing, "")
    what = ", ".join(f"{one}{column}" for one in plain.split(", "))
    yield f"{verb} {what} ON {_as_granted(thing)} {to} {found[2]}{option}"


def _as_granted(thing: str) -> str:
    """A thing as GRANT wants it: relations of all kinds are tables, but a sequence."""
    kind, _, name = thing.partition(" ")
    words = {"table": "TABLE", "view": "TABLE", "sequence": "SEQUENCE", "schema": "SCHEMA"}
    return f"{words.get(kind, kind.upper())} {name}"


def _spoken(name: str) -> str:
    """`table constraint c on public.t` and the like, as COMMENT ON wants them."""
    for kind, sql in (("table constraint ", "CONSTRAINT "), ("table column ", "COLUMN ")):
        if name.startswith(kind) and kind != "table column ":
            return sql + name.removeprefix(kind).replace(" on ", " ON ")
    return name
