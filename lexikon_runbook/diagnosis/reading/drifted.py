"""A difference of catalogs as diagnoses look at it. Pure."""

from __future__ import annotations

from ...postgres.catalog import Difference
from ..proofs import Drifted


def drifted(difference: Difference) -> tuple[Drifted, ...]:
    """A difference as diagnoses look at it; of a whole table not also its columns. Pure."""
    return tuple(
        Drifted(change.sign, change.kind, change.name, str(change)) for change in difference.whole()
    )
