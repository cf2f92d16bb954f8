"""What a review says: one remark under a question, and code in the user's own names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..plan.rules import Finding, Severity
from ..plan.rules.rule import execute


@dataclass(frozen=True)
class Remark:
    """One thing to look at, how bad it is, and the corrected code ("" for none)."""

    severity: Severity
    text: str
    code: str = ""


def of_findings(findings: Iterable[Finding]) -> list[Remark]:
    """What the rules of the plan found, as remarks. Pure."""
    return [Remark(f.severity, f.detail, as_code(f.remedy)) for f in findings]


def as_code(remedy: str) -> str:
    """A rule's remedy as lines of a revision: SQL in op.execute(), words as comments."""
    lines = []
    for line in remedy.splitlines():
        statement = line.strip().rstrip(";")
        if re.match(r"(with op\.|op\.|    op\.)", line):
            lines.append(line)
        elif re.match(r"(ALTER|CREATE|DROP|UPDATE|SET|WHERE|COMMENT) ", statement):
            lines.append(execute(statement))
        else:
            lines.append(f"# {line}")
    return "\n".join(lines)
