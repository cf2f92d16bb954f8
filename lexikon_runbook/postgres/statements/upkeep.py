"""Reads what looks after tables: REINDEX, VACUUM, ANALYZE, CLUSTER, REFRESH, LOCK."""

from __future__ import annotations

from .locks import effect
from .tokens import Cursor, keywords
from .values import MODES, Effect, Lock


def reindex(cursor: Cursor) -> list[Effect]:
    """REINDEX of a table or an index; none for a whole schema or database."""
    cursor.take("REINDEX")
    options = cursor.inside()
    kind = cursor.take("TABLE", "INDEX", "SCHEMA", "DATABASE", "SYSTEM").lower()
    slow = not cursor.take("CONCURRENTLY") and "CONCURRENTLY" not in options.text().upper()
    verb = ("reindex table" if kind == "table" else "reindex") if slow else "reindex concurrently"
    name = cursor.name()
    if kind not in ("table", "index"):
        return []
    return [effect("alters", kind, name, verb, cursor.sql, table=name if kind == "table" else "")]


def maintain(cursor: Cursor) -> list[Effect]:
    """VACUUM, ANALYZE and CLUSTER of the tables named; none when none is."""
    verb = cursor.take("VACUUM", "ANALYZE", "ANALYSE", "CLUSTER").lower().replace("yse", "yze")
    full = cursor.inside().text().upper()
    if verb == "vacuum" and (cursor.take("FULL") or "FULL" in full):
        verb = "vacuum full"
    while cursor.take("FREEZE", "VERBOSE", "ANALYZE"):
        pass
    names = [clause.name() for clause in cursor.clauses()]
    return [effect("alters", "table", name, verb, cursor.sql, table=name) for name in names if name]


def refresh(cursor: Cursor) -> list[Effect]:
    """REFRESH MATERIALIZED VIEW."""
    verb = cursor.take("REFRESH MATERIALIZED VIEW").lower()
    verb += " concurrently" if cursor.take("CONCURRENTLY") else ""
    return [effect("writes", "rows", cursor.name(), verb, cursor.sql)]


def lock(cursor: Cursor) -> list[Effect]:
    """LOCK TABLE, in the mode it says or the strongest."""
    _ = cursor.take("LOCK"), cursor.take("TABLE"), cursor.take("ONLY")
    names = [clause.name() for clause in cursor.clauses()]
    words = keywords(cursor.sql)
    mode = next((mode for mode in reversed(MODES) if f" IN {mode} MODE" in words), MODES[-1])
    return [
        Effect("other", "lock", name, name, "lock table", cursor.sql, (Lock(mode, name),), False)
        for name in names
    ]
