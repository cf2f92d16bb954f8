"""The drift check of Lexikon, warm, against `alembic check` on the same database, in turn.

Prints the wall time of the inspect runbook's drift stage in a process that has run it once:
the complete catalog read, the three migrations run on a throwaway database, its catalog read and
compared, the models compared. The target is 1.5 s. `alembic check`, a process of its own as its
users start it, compares the models only.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lexikon_runbook.demo import server
from lexikon_runbook.runbooks.inspect_schema import Inspecting
from lexikon_runbook.targets import settings

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ROUNDS = 7
TARGET_S = 1.5
VALUES = {"target": "demo", "table": "", "compare_to": "", "fail_on_drift": False, "reason": ""}


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def alembic(command: str, *words: str) -> None:
    """Run Alembic's own command on the demo, which must end well."""
    environment = {**os.environ, "DATABASE_URL": server.start(PROJECT)}
    run = (str(BIN / "alembic"), command, *words)
    subprocess.run(run, cwd=PROJECT, env=environment, check=True, capture_output=True)


def main() -> None:
    """Measure, and print one line a figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{name}/demo"
        try:
            alembic("upgrade", "head")
            target = replace(settings.target("demo", PROJECT), archive=Path(name) / "archive")
            run = Inspecting("inspect_schema", VALUES, target)
            assert run.drift().trouble == ""
            measure(run)
        finally:
            server.stop(PROJECT)


def measure(run: Inspecting) -> None:
    """Run both in turn, and print their medians and the ratio."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(run.drift))
        theirs.append(seconds(lambda: alembic("check")))
    middle = statistics.median(ours)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"drift of Lexikon, warm: {middle:.2f} s, median of {ROUNDS} "
        f"(min {min(ours):.2f}, max {max(ours):.2f}; target {TARGET_S})"
    )
    print(f"`alembic check`: {statistics.median(theirs):.2f} s; ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
