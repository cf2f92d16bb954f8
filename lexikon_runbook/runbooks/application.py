"""The application around the database: its restart and its log.

Only the commands that `runbook.toml` names are run, and each is shown before it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from ..errors import Unhealthy
from ..postgres.runner import Reporter
from ..show.render import Block, Card, Code, Line, Shown, duration, shorten
from ..targets.settings import Target

COMMAND_S = 180.0
LOG_LINES = 100
OUTPUT_BYTES = 256 << 10
OPERATORS = frozenset("();<>|&")
TROUBLE = re.compile(r"\b(error|critical|fatal|panic|exception|traceback)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Command(Shown):
    """A command of runbook.toml that ran, with the end of what it printed."""

    name: str
    command: str
    exit_code: int | None
    output: str
    took_s: float = 0.0

    @property
    def worked(self) -> bool:
        """Whether it ran and exited 0."""
        return self.exit_code == 0

    def blocks(self) -> Sequence[Block]:
        if not self.command:
            return [Card(f"{self.name}: not done here", [("Next", self.output)], "warning")]
        ended = "did not end" if self.exit_code is None else f"exit {self.exit_code}"
        card = Card(
            f"{self.name}: {ended}",
            [("Command", self.command), ("Took", duration(self.took_s))],
            "good" if self.worked else "danger",
        )
        trouble = [line for line in self.output.splitlines() if TROUBLE.search(line)]
        word = "line" if len(trouble) == 1 else "lines"
        marked = [Line(f"{len(trouble)} {word} with errors, marked >>")] if trouble else []
        lines = [
            f">> {line}" if TROUBLE.search(line) else line for line in self.output.splitlines()
        ]
        return [card, *marked, Code("\n".join(lines) or "(no output)")]


def restart(target: Target, report: Reporter) -> Command:
    """Run the target's restart command. Restarts the application; says so when there is none."""
    advice = "restart the application yourself; set `restart` in runbook.toml for the next time."
    return _run("Restart", target, target.restart, advice, report)


def log_tail(target: Target, report: Reporter) -> Command:
    """The last hundred lines of the application's log, by the target's logs command."""
    advice = "read the application's log yourself; set `logs` in runbook.toml for the next time."
    found = _run("Application log", target, target.logs, advice, report)
    tail = "\n".join(found.output.splitlines()[-LOG_LINES:])
    return Command(found.name, found.command, found.exit_code, tail, found.took_s)


def not_restarted(target: Target, tried: Command) -> Unhealthy:
    """The refusal that follows a restart command that did not work. Pure."""
    said = [line.strip() for line in tried.output.splitlines() if line.strip()]
    code = "" if tried.exit_code is None else f" (exit {tried.exit_code})"
    what = f"the restart command of target {target.name} did not work{code}: {tried.command}"
    mend = "mend `restart` in runbook.toml"
    if _wants_a_shell(target.restart):
        mend += f", which no shell reads: restart = {json.dumps(_by_a_shell(target.restart))}"
    return Unhealthy(
        f"{what}; it said: {shorten(said[-1], 300)}" if said else f"{what}.",
        state="the database is done; processes of the application may be the old ones.",
        next_step=f"restart the application by hand, and see `{target.verb('status')}`; "
        f"then {target.mask(mend)}.",
    )


def _wants_a_shell(command: str) -> bool:
    """Whether a word of it, outside of quotes, is one that only a shell reads."""
    try:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    except ValueError:
        return False
    return words[:1] == ["cd"] or any(set(word) <= OPERATORS for word in words)


def _by_a_shell(command: str) -> str:
    return f"sh -c {shlex.quote(command)}"


def _run(name: str, target: Target, command: str, advice: str, report: Reporter) -> Command:
    if not command:
        return Command(name, "", None, advice)
    shown = target.mask(command)
    report.lasting(f"{name.lower()}: {shown}")
    began = time.monotonic()
    # A file and not a pipe: what the command leaves running would hold a pipe open.
    with tempfile.TemporaryFile() as output:
        try:
            code = _exit_code(shlex.split(command), target, output)
            end = f"stopped after {duration(COMMAND_S)}" if code is None else ""
        except (OSError, ValueError) as error:
            code, end = None, f"can't be started: {error}"
        output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT_BYTES))
        text = output.read().decode("utf-8", "replace")
    said = "\n".join(part for part in (text.rstrip(), end) if part)
    return Command(name, shown, code, target.mask(said), time.monotonic() - began)


def _exit_code(words: list[str], target: Target, output: IO[bytes]) -> int | None:
    """Run a command to its end; None when it had to be stopped, with all that it started."""
    process = subprocess.Popen(
        words,
        cwd=target.project,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(COMMAND_S)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise
