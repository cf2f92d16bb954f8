"""The records in an archive, read: whole ones, and what those of killed runs left. Reads only."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..facts import Facts, Step
from ..targets.settings import Target
from . import origin
from .record import UNFINISHED, new_facts

READ = (1, 2)  # the formats


def read(file: Path) -> Facts | None:
    """A record.json, or None when it is not a record of this format. Reads only."""
    try:
        facts: Facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _with_journal(facts, file) if _is_whole(facts) else None


def _with_journal(facts: Facts, file: Path) -> Facts:
    """A run that did not end has its steps in the journal only."""
    if facts["outcome"] == UNFINISHED:
        known = len(facts["steps"])
        facts["steps"] += _steps(file.with_name("journal.jsonl"))[known:]
    return facts


def _steps(journal: Path) -> list[Step]:
    """The revisions that the last Apply of a run applied, by its journal."""
    try:
        lines = journal.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found: list[Any] = []
    for line in lines:
        with contextlib.suppress(ValueError):  # the last line of a run that was killed
            event = json.loads(line)
            if event["event"] == "step":
                found.append({k: v for k, v in event.items() if k not in ("at", "event")})
            elif event["event"] == "stage" and event["name"] == "apply":
                found.clear()
    return found


def _is_whole(facts: Any) -> bool:
    """Whether this is a record of this format with every key; unknown ones besides are fine."""
    if not isinstance(facts, dict) or facts.get("format") not in READ:
        return False
    keys = _keys()
    return (
        facts.keys() >= keys[""]
        and isinstance(facts["steps"], list)
        and all(isinstance(facts[n], dict) and facts[n].keys() >= keys[n] for n in keys if n)
    )


@functools.cache
def _keys() -> dict[str, frozenset[str]]:
    """The keys of a new record, under "", and of the objects that every record has."""
    new: Mapping[str, Any] = new_facts(Target("", Path()), "", {})
    return {"": frozenset(new), **{n: frozenset(new[n]) for n in ("who", "revisions")}}


def recent(archive: Path) -> Iterator[tuple[Path, Facts]]:
    """Folders and facts of the archive's runs, the newest first. Reads only."""
    for file in _newest_first(archive):
        facts = read(file)
        if facts is not None:
            yield file.parent, facts


def _newest_first(archive: Path) -> Iterator[Path]:
    for day in sorted(archive.glob("[0-9]*/[0-9]*/[0-9]*"), reverse=True):
        yield from sorted(day.glob("*/record.json"), reverse=True)


def abandoned(facts: Facts) -> bool:
    """Whether a run that calls itself unfinished has no living process on this machine."""
    return facts["outcome"] == UNFINISHED and origin.is_gone(facts["who"])
