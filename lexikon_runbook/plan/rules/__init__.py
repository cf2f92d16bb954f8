"""The table of rules. Pure; reads only.

`findings` holds one revision against every rule: what is dangerous about it before it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import beside, blocking, breaking, data, scanning, source
from .rule import LARGE_BYTES, LARGE_ROWS, SEVERITIES, SMALL_ROWS, Context, Finding, Rule, Severity

__all__ = [
    "LARGE_BYTES",
    "LARGE_ROWS",
    "RULES",
    "SEVERITIES",
    "SMALL_ROWS",
    "Context",
    "Finding",
    "Rule",
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
)


def findings(context: Context) -> tuple[Finding, ...]:
    """What the rules say about one revision, worst first. Never raises on any SQL or source.

    Each finding's `rule` has the severity that it has here.
    """
    return tuple(sorted(_found(context), key=lambda found: SEVERITIES.index(found.severity)))


def _found(context: Context) -> Iterator[Finding]:
    for rule in RULES:
        for severity, statement, detail, remedy in rule.match(context):
            here = replace(rule, severity=severity)
            yield Finding(here, context.revision, statement, detail, remedy)
