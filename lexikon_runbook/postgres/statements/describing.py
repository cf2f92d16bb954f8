"""What a list of statements does, in a human's words."""

from __future__ import annotations

from collections.abc import Iterable

from .values import Effect, Statement

MOST_NAMED = 2
"""Up to so many indexes, constraints and the like are named; more are counted."""

_ALWAYS_NAMED = frozenset({"table", "column", "rows", "schema", "type"})
_SILENT = frozenset({"session", "lock"})
_WRITES = {"insert": "inserts into", "update": "updates", "delete": "deletes from"}
_WRITES |= {"truncate": "empties", "merge": "merges into", "copy from": "copies into"}


def describe(statements: Iterable[Statement]) -> str:
    """One line: `creates table webhooks, webhook_deliveries; 4 indexes`. Pure.

    Tables, columns, types and rows are named; other things are counted when there are
    more than two of a kind. "" when there is nothing to say.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for statement in statements:
        for effect in statement.effects:
            if effect.kind in _SILENT or (effect.action, effect.kind) == ("other", "rows"):
                continue
            names = groups.setdefault(_group(effect), [])
            if (name := _name(effect)) not in names or not effect.name:
                names.append(name)
    parts, before = [], ""
    for (action, kind), names in groups.items():
        said = _things(kind, names)
        parts.append(said if action == before or not action else f"{action} {said}".strip())
        before = action
    return "; ".join(parts)


def _group(effect: Effect) -> tuple[str, str]:
    if effect.action == "writes":
        return _WRITES.get(effect.verb, "refreshes"), "rows"
    if effect.action == "other":
        return ("runs", "code") if effect.kind == "code" else ("", effect.verb or "unknown")
    if effect.verb.startswith("rename"):
        return "renames", effect.kind
    return effect.action, effect.kind


def _name(effect: Effect) -> str:
    if effect.kind == "column" and effect.table:
        return f"{effect.table}.{effect.name}"
    return effect.name or (effect.table if effect.kind == "constraint" else "")


def _things(kind: str, names: list[str]) -> str:
    if kind == "rows":
        return ", ".join(names)
    if not any(names):
        return kind if len(names) == 1 else f"{kind} ({len(names)} statements)"
    if kind in _ALWAYS_NAMED or len(names) <= MOST_NAMED:
        return f"{kind} {', '.join(names)}"
    return f"{len(names)} {_plural(kind)}"


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return f"{kind[:-1]}ies"
    return f"{kind}es" if kind.endswith(("x", "s")) else f"{kind}s"
