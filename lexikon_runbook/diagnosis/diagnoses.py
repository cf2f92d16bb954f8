"""The table of diagnoses. Pure; reads only.

Ordered as somebody looks who was woken up: can it be reached, is anybody in the way, what does
the version say, then the files, then the schema.
"""

from __future__ import annotations

from . import (
    of_archive,
    of_connection,
    of_env_py,
    of_error,
    of_files,
    of_heads,
    of_pending,
    of_rights,
    of_schema,
    of_sessions,
    of_version,
)
from .row import Diagnosed, Diagnosis, judge
from .situation import Situation

DIAGNOSES: tuple[Diagnosis, ...] = (
    *of_connection.ROWS,
    *of_sessions.ROWS,
    *of_version.ROWS,
    *of_heads.ROWS,
    *of_files.ROWS,
    *of_env_py.ROWS,
    *of_pending.ROWS,
    *of_rights.ROWS,
    *of_schema.ROWS,
    *of_archive.ROWS,
    *of_error.ROWS,
)


def diagnose(situation: Situation, *, proved: bool = False) -> Diagnosed:
    """Hold every diagnosis against a situation, ranked. Pure.

    Those that need a throwaway database are left out until `proved`. The order: what explains
    the error that the user gave, then certain before likely before possible, then danger before
    warning before note, then the order of the table.
    """
    rows = (row for row in DIAGNOSES if proved or not row.proof)
    return judge(rows, situation)
