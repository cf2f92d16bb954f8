"""SQL statements read into values, without a database. Pure: nothing here connects.

`split` cuts a text into statements, `read` says what one does and locks, `describe` says
it to a human. What is not recognised is "other" with unknown locks, never safe.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from .describing import describe
from .reading import read
from .tokens import plainly_named, split
from .values import MODES, NO_LOCK, Effect, Lock, Statement, strength

__all__ = [
    "MODES",
    "NO_LOCK",
    "Effect",
    "Lock",
    "Statement",
    "describe",
    "read",
    "read_all",
    "split",
    "strength",
]


def read_all(texts: Iterable[str]) -> tuple[Statement, ...]:
    """The statements of several texts, each of which may hold more than one."""
    return tuple(statement for text in texts for statement in _read(text))


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Statement, ...]:
    """A plan is made again under the lock, and mostly of the same texts."""
    return tuple(replace(read(plainly_named(sql)), text=sql) for sql in split(text))
