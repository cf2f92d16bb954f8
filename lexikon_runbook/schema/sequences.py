"""Sequences, and how near the end each is. Reads only.

The end is the nearest of three: the sequence's own maximum, and the range of the columns that
take their numbers from it, which may be smaller.
"""

from __future__ import annotations

import pandas as pd

from ..postgres.catalog import sequences
from ..project.database import Database
from .moment import at_one

WORRYING = 80.0  # percent
TYPES = {
    "schema": "category",
    "sequence": "string",
    "column": "string",
    "type": "category",
    "last_value": "Int64",
    "end": "Int64",
    "percent": "Float64",
    "increment": "Int64",
    "cycles": "boolean",
    "locked_by": "string",
    "grant": "string",
}
SEQUENCES = f"""
{sequences.SEQUENCES}
select schema, sequence, columns, type, last_value, most, percent, increment, cycles, locked_by,
  "grant"
from sequences order by percent desc nulls first, 1, 2
"""
LAST = "last_value is the last number given out; of an unused sequence the one before its first."
UNKNOWN = (
    "Where last_value is unknown, this role may not read it (see the column grant), or a session "
    "(its pid under locked_by) changes the sequence."
)


def read(found: Database) -> pd.DataFrame:
    """Every sequence, the nearest to its end first, those that can't be read before. Reads only."""
    made = at_one(found, lambda moment: moment.frame(SEQUENCES, TYPES))
    made.attrs["notes"] = _notes(made)
    return made


def _notes(made: pd.DataFrame) -> list[str]:
    if made.empty:
        return []
    near = made[(made["percent"] >= WORRYING).fillna(False)]
    said = [
        f"{row.schema}.{row.sequence} is at {row.percent:.1f} % of what it can give."
        for row in near.itertuples()
    ]
    return [*said, LAST, *([UNKNOWN] if made["last_value"].isna().any() else [])]
