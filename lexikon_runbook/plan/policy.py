"""How long a statement may wait and run, and how often a revision is tried. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """The limits of one run; times are seconds."""

    lock_timeout_s: float
    statement_timeout_s: float
    lock_attempts: int
