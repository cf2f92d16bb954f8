"""A runner in a process of its own, for a test to kill: `a_runner.py FOLDER REVISION`.

Takes its database from TEST_TARGET_URL; prints every line it has to say, and its outcome.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from projects import FAST

from lexikon_runbook.apply import migrate
from lexikon_runbook.plan import making
from lexikon_runbook.project import preflight
from lexikon_runbook.targets.settings import Target


class Printed:
    """Every line at once, for the test that reads them."""

    def lasting(self, line: str) -> None:
        """Print a line that stays."""
        print(line, flush=True)

    def applied(self, line: str, facts: Mapping[str, object]) -> None:
        """The line that lasts says it."""

    def passing(self, line: str) -> None:
        """Print a line that the next one replaces, too."""
        print(line, flush=True)


if __name__ == "__main__":
    found = preflight.check(Target("test", Path(sys.argv[1]), url_env="TEST_TARGET_URL"), "upgrade")
    shown = making.make(found, "upgrade", sys.argv[2], FAST.lock_timeout_s)
    print("planned", flush=True)
    sys.stdin.readline()
    done = migrate.apply(shown, found, FAST, Printed())
    print(f"outcome: {done.why_nothing or done.current}", flush=True)
