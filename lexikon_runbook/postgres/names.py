"""Names as SQL spells them. Pure."""

from __future__ import annotations

import re

PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
# pg_get_keywords() where catcode in ('R', 'T'), PostgreSQL 14 to 18: no table's name unless quoted
RESERVED = (
    " all analyse analyze and any array as asc asymmetric authorization binary both case cast"
    " check collate collation column concurrently constraint create cross current_catalog"
    " current_date current_role current_schema current_time current_timestamp current_user"
    " default deferrable desc distinct do else end except false fetch for foreign freeze from"
    " full grant group having ilike in initially inner intersect into is isnull join lateral"
    " leading left like limit localtime localtimestamp natural not notnull null offset on only"
    " or order outer overlaps placing primary references returning right select session_user"
    " similar some symmetric system_user table tablesample then to trailing true union unique user"
    " using variadic verbose when where window with "
)


def quoted_name(name: str) -> str:
    """One name, dots and all, in quotes."""
    return '"' + name.replace('"', '""') + '"'


def quoted(name: str) -> str:
    """A plain `table` or `schema.table`, each part in quotes."""
    schema, _, table = name.rpartition(".")
    return ".".join(quoted_name(part) for part in (schema, table) if part)


def spelled_name(name: str) -> str:
    """One name, dots and all, in quotes only where it needs them."""
    return name if PLAIN.fullmatch(name) and f" {name} " not in RESERVED else quoted_name(name)


def parts(name: str) -> tuple[str, ...]:
    """The parts of a name as SQL spells it, each as the catalog has it: `public."A.b"`."""
    found = re.findall(r'"(?:[^"]|"")*"|[^.]+', name)
    return tuple(part[1:-1].replace('""', '"') if part.startswith('"') else part for part in found)


def spelled(name: str) -> str:
    """A normalised name, in quotes only where it needs them: `public.Users` -> `public."Users"`.

    A part that holds a dot or a quote is in quotes already.
    """
    parts = re.findall(r'"(?:[^"]|"")*"|[^.]+', name)
    return ".".join(part if part.startswith('"') else spelled_name(part) for part in parts)
