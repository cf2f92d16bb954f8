"""The table of rules. Pure; reads only.

`findings` holds one revision against every rule: what is dangerous about it before it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import beside, blocking, breaking, data, rehearsed, scanning, source
from .rule import (
    LARGE_BYTES,
    LARGE_ROWS,
    SEVERITIES,
    SMALL_ROWS,
    Context,
    Finding,
    Rule,
    Seen,
    Severity,
)

__all__ = [
    "LARGE_BYTES",
    "LARGE_ROWS",
    "RULES",
    "SEVERITIES",
    "SMALL_ROWS",
    "Context",
    "Finding",
    "Rule",
    "Seen",
    "Severity",
    "findings",
]

RULES: tuple[Rule, ...] = (
    *data.RULES,
    *blocking.RULES,
    *scanning.RULES,
    *breaking.RULES,
    *source.RULES,
    *beside.RULES,
    *rehearsed.RULES,
)


OF_WORK = frozenset(rule.id for rule in (*scanning.RULES, *blocking.RULES))
OF_SCANS = frozenset(rule.id for rule in scanning.RULES)
LONG_WORK, CODE = "long-work", "unknown-code"


def _not_so(rule: Rule, context: Context, statement: str) -> bool:
    """Whether a rehearsal showed that a statement does not do what its text lets fear."""
    seen = context.seen.get(statement)
    if seen is None:
        return False
    if rule.id in OF_SCANS:
        return not (seen.rewritten or seen.scanned)
    return rule.id == CODE and not seen.touched


def findings(context: Context) -> tuple[Finding, ...]:
    """What the rules say about one revision, worst first. Never raises on any SQL or source.

    Each finding's `rule` has the severity that it has here.
    """
    return tuple(sorted(_found(context), key=lambda found: SEVERITIES.index(found.severity)))


def _found(context: Context) -> Iterator[Finding]:
    told: set[str] = set()
    for rule in RULES:
        for severity, statement, detail, remedy in rule.match(context):
            if _not_so(rule, context, statement) or (rule.id == LONG_WORK and statement in told):
                continue
            if rule.id in OF_WORK:
                told.add(statement)
            here = replace(rule, severity=severity)
            yield Finding(here, context.revision, statement, detail, remedy)
