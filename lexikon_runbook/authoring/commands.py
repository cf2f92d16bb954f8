"""The git commands that commit a new revision, and what git says of the versions folder now."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..project.history import Revision
from ..show.render import Block, Card, Code, Shown

LIMIT_S = 10.0


@dataclass(frozen=True)
class Commands(Shown):
    """What to run to commit a revision, and git's own state of the folder; not run here."""

    commands: tuple[str, ...]
    status: str
    why: str = ""

    def blocks(self) -> Sequence[Block]:
        if not self.commands:
            return [Card("Git: nothing to commit", [("Because", self.why)])]
        card = Card("Git: to commit it, run", [("Now", self.status)])
        return [card, Code("\n".join(self.commands))]


def for_revision(revision: Revision, project: Path) -> Commands:
    """The commands for a revision's file. Runs `git status` in its folder, which reads only."""
    file = revision.file.resolve()
    home = project.resolve()
    shown = str(file.relative_to(home)) if file.is_relative_to(home) else str(file)
    said = shlex.quote(f"db(migration): {revision.message}")
    start = f"git -C {shlex.quote(str(project))}"
    commands = (f"{start} add -- {shlex.quote(shown)}", f"{start} commit -m {said}")
    return Commands(commands, _status(file.parent))


def _status(folder: Path) -> str:
    """What git says of that folder, or why it says nothing."""
    words = ["git", "-C", str(folder), "status", "--short", "--untracked-files=all", "--", "."]
    try:
        run = subprocess.run(
            words, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return "unknown: git is not installed here"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown: git could not be run ({type(error).__name__})"
    if run.returncode:
        return f"unknown: {run.stderr.strip().partition(chr(10))[0]}"
    return run.stdout.rstrip() or "nothing to commit in the versions folder"
