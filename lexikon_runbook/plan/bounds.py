"""How many rows an approval lets go, as the tail of a digest has them: `-60-0-u`. Pure.

More than were counted, so that a table under writes can be approved at all: a fifth more, at least
ten; none where there was none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Bounds = tuple[int | None, ...]
"""One for each table at risk; None where its rows could not be counted, and any number may go."""

UNKNOWN = "u"
DIGEST = re.compile(r"(?P<fixed>\d+:[0-9a-f]{64})(?P<tail>(?:-(?:\d+|u))*)")


def of(rows: int | None) -> int | None:
    """The bound for that many rows."""
    if rows is None:
        return None
    return rows + max(10, -(-rows // 5)) if rows else 0


def written(bounds: Iterable[int | None]) -> str:
    """They as the tail of a digest."""
    return "".join(f"-{UNKNOWN if bound is None else bound}" for bound in bounds)


def read(digest: str) -> tuple[str, Bounds] | None:
    """What a digest fixes, and its bounds; None for what is no digest."""
    match = DIGEST.fullmatch(digest)
    if match is None:
        return None
    tail = match["tail"].split("-")[1:]
    return match["fixed"], tuple(None if part == UNKNOWN else int(part) for part in tail)


def beyond(rows: Sequence[int | None], bounds: Bounds) -> int | None:
    """The first place where more rows are than may go; None where there is none.

    A bound that is not given is 0.
    """
    padded = (*bounds, *(0,) * (len(rows) - len(bounds)))
    for place, (many, bound) in enumerate(zip(rows, padded, strict=False)):
        if bound is not None and (many is None or many > bound):
            return place
    return None
