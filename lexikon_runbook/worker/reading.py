"""A statement that may only read, run so that it can do nothing else. Writes nothing.

Whether one reads is what the server lets through in a read-only transaction, not its first word:
a function may write, and a WITH.
"""

from __future__ import annotations

import re
from typing import Any, Callable

from . import told

READ_ONLY = "25006"  # read_only_sql_transaction
BEGINNING = re.compile(
    r"(\s|--[^\n]*(\n|$)|/\*.*?\*/|\()*(SELECT|WITH|TABLE|VALUES|SHOW|EXPLAIN|FETCH)\b", re.I | re.S
)


def may_be(statement: str) -> bool:
    """Whether it begins like a statement that only reads."""
    return bool(BEGINNING.match(statement))


def tried(connection: Any, run: Callable[[], Any]) -> bool | None:
    """Run it in a savepoint that may not write; False: it wants to, and did not.

    None where the session is in no transaction, so that there is no savepoint: it was not run.
    """
    other = connection.cursor()
    try:
        if not said(other, "SAVEPOINT lexikon_runbook"):
            return None
        other.execute("SET TRANSACTION READ ONLY")
        try:
            run()
        except Exception as error:
            if told.sqlstate(error) != READ_ONLY:
                raise
            other.execute("ROLLBACK TO SAVEPOINT lexikon_runbook")
            other.execute("RELEASE SAVEPOINT lexikon_runbook")
            return False
        other.execute("RELEASE SAVEPOINT lexikon_runbook")
        return True
    finally:
        other.close()


def said(cursor: Any, sql: str) -> bool:
    """Run a statement that a session in autocommit mode refuses; whether it ran."""
    try:
        cursor.execute(sql)
    except Exception:
        return False
    return True
