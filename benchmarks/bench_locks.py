"""Locks, rewrites and long work of 65 statements: seen on a shadow, against read from their text.

The right answers are the manual's (tests/lock_table.py). Each statement runs alone in a transaction
on an embedded server that is started for it, and is traced as a rehearsal traces it; the text is
read as in a plan that could not be rehearsed. Long work is a table that is read or written as a
whole while nobody may write it; a false alarm is such work where there is none. Ends with 1 when
the trace is not right every time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from lock_table import AX, BASE, CASES, SRX, Case, S, X

from lexikon_runbook.postgres import embedded_server, statements
from lexikon_runbook.postgres.connections import Connection, connect_url
from lexikon_runbook.rehearsal.observed import SPACED
from lexikon_runbook.worker.trace import Trace

BLOCKING = {SPACED[mode] for mode in (S, SRX, X, AX)}


def bare(names: Iterable[str]) -> set[str]:
    """Names without the schema that all tables are in."""
    return {name.removeprefix("public.") for name in names}


def right(case: Case) -> tuple[dict[str, str], set[str], set[str]]:
    """Locks, rewrites, and the tables that work is done on while nobody may write them."""
    locks = {name: SPACED[mode] for name, mode in case.locks.items()}
    worked = {*case.rewrites.split(), *case.scans.split()}
    return locks, set(case.rewrites.split()), {t for t in worked if locks.get(t) in BLOCKING}


def traced(connection: Connection, case: Case) -> tuple[dict[str, str], set[str], set[str]]:
    """The same, as seen."""
    trace = Trace()
    trace.begin(connection)
    with connection.cursor() as cursor:
        cursor.execute(case.sql)
    seen = trace.since(connection)
    connection.rollback()
    locks = {name.removeprefix("public."): SPACED[mode] for mode, name in seen["locks"]}
    worked = bare([*seen["rewritten"], *seen["scanned"]])
    return locks, bare(seen["rewritten"]), {t for t in worked if locks.get(t) in BLOCKING}


def read(case: Case) -> tuple[dict[str, str], bool | None]:
    """The locks as read from the text, and whether it says that a table is written anew."""
    (statement,) = statements.read_all([case.sql])
    locks = {lock.relation: lock.mode for lock in statement.locks or ()}
    return locks, statement.rewrites


def main() -> int:
    """Run every statement, print the table."""
    counts = dict.fromkeys(("seen locks", "seen rewrites", "seen work", "read locks", "alarms"), 0)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        try:
            with closing(connect_url(embedded_server.serve(data), "write")) as connection:
                with connection.cursor() as cursor:
                    cursor.execute(BASE)
                connection.autocommit = False
                for case in CASES:
                    locks, rewrites, work = right(case)
                    seen = traced(connection, case)
                    known = {name: mode for name, mode in seen[0].items() if name in locks}
                    counts["seen locks"] += known == locks
                    counts["seen rewrites"] += seen[1] == rewrites
                    counts["seen work"] += seen[2] == work
                    counts["alarms"] += bool(seen[2] - work)
                    counts["read locks"] += read(case)[0] == locks
                    if (known, seen[1], seen[2]) != (locks, rewrites, work):
                        wrong.append(f"{case.sql}: {seen}")
        finally:
            embedded_server.stop(data)
    many = len(CASES)
    print(f"{many} statements, {sum(bool(right(case)[2]) for case in CASES)} with long work")
    print(f"locks right: seen {counts['seen locks']}, read {counts['read locks']}")
    print(f"rewrites right: seen {counts['seen rewrites']}")
    print(f"long work right: seen {counts['seen work']}, false alarms {counts['alarms']}")
    print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
