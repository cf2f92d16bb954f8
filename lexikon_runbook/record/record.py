"""The record of a run: a folder of its own in the archive, written as the run goes.

`record.json` is replaced atomically at every stage and says `unfinished` until the
run has ended, so that it is true whenever the kernel is killed. `journal.jsonl` is
only appended to. docs/records.md explains every key.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

from ..errors import NOTHING_CHANGED, ArchiveUnusable
from ..facts import Facts, Step
from ..targets.settings import Target
from . import origin

FORMAT = 2
UNFINISHED = "unfinished"
ADOPT = "LEXIKON_RUNBOOK_RECORD"  # the engine made the folder; the kernel goes on in it
RESERVE_BYTES = 4 << 20
SYNC_S = 1.0
OPEN: Facts = {"outcome": UNFINISHED, "finished": None, "exit_code": None, "error": None}


class Record:
    """One run's folder. Writes only inside it."""

    def __init__(self, folder: Path, facts: Facts, mask: Callable[[str], str]) -> None:
        self.folder = folder
        self.mask = mask
        self.facts: Facts = plain(facts, mask)
        self._synced = 0.0

    @property
    def file(self) -> Path:
        """Where record.json is."""
        return self.folder / "record.json"

    @property
    def finished(self) -> bool:
        """Whether the run said that it ended."""
        return self.facts["outcome"] != UNFINISHED

    def set(self, **facts: Unpack[Facts]) -> None:
        """Replace these facts in record.json, atomically and durably."""
        self.facts.update(plain(facts, self.mask))
        indent = 2 if self.finished else None  # Python's encoder is slow where it indents
        write_atomically(self.file, as_json(self.facts, indent) + "\n")

    @property
    def outcome(self) -> str:
        """How the run ended; `unfinished` while it goes on."""
        return self.facts["outcome"]

    def step(self, facts: Step) -> None:
        """Keep a revision that was applied: in the journal, in record.json at the end.

        A long history would write the whole record once for each revision otherwise, and wait for
        the disk: its lines survive the process at once, the machine within `SYNC_S`.
        """
        step: Step = plain(facts, self.mask)
        self.facts["steps"].append(step)
        late = time.monotonic() - self._synced > SYNC_S
        self._append({"at": now(), "event": "step", **step}, sync=late)

    def journal(self, event: str, **facts: Any) -> None:
        """Append one line to journal.jsonl, durably."""
        self._append({"at": now(), "event": event, **plain(facts, self.mask)}, sync=True)

    def _append(self, event: Mapping[str, Any], *, sync: bool) -> None:
        line = as_json(event)
        with (self.folder / "journal.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            if sync:
                file.flush()
                os.fsync(file.fileno())
                self._synced = time.monotonic()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Journal that a stage begins, and keep how long it took.

        A record that had ended is open again: the same kernel goes on.
        """
        self.facts["doing"] = name
        if self.finished:
            self.set(**OPEN)
        self.journal("stage", name=name)
        began = time.monotonic()
        try:
            yield
            self.facts["doing"] = None
        finally:
            took = round(time.monotonic() - began, 3)
            self.facts["stages"].append({"name": name, "took_s": took})

    def end(self, outcome: str, exit_code: int, /, **more: Unpack[Facts]) -> None:
        """Write how the run ended, and `more` that is known then; in the journal first."""
        self.journal("end", outcome=outcome)
        ended: Facts = {"doing": None, "error": None, **more}
        ended.update({"outcome": outcome, "exit_code": exit_code, "finished": now()})
        self.set(**ended)


def as_json(value: Any, indent: int | None = None) -> str:
    """Plain values as JSON that every reader can read. Pure."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: Any, mask: Callable[[str], str]) -> Any:
    """A value as JSON can hold it, every text in it masked.

    Before it is JSON, whose escapes would hide a quote in a password.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {str(name): plain(part, mask) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, mask) for part in value]
    finite = not isinstance(value, float) or math.isfinite(value)
    if value is None or (isinstance(value, bool | int | float) and finite):
        return value
    return mask(str(value))


def begin(target: Target, runbook: str, parameters: Mapping[str, Any]) -> Record:
    """Make the folder of a new run, or go on in the one the engine made. Writes the archive.

    Raises ArchiveUnusable when the archive can't take a whole record.
    """
    adopted = os.environ.pop(ADOPT, "")
    facts = new_facts(target, runbook, parameters)
    folder = Path(adopted) if adopted else new_folder(target.archive, runbook, target.name)
    facts["id"] = folder.name.rsplit("-", 1)[-1]
    facts["notebook"] = f"{runbook}.ipynb" if adopted else origin.notebook(parameters)
    record = Record(folder, facts, target.mask)
    with _refusing(target.archive):
        record.journal("begin", runbook=runbook, target=target.name)
        record.set()
    return record


def new_folder(archive: Path, runbook: str, target: str) -> Path:
    """Make `archive/YYYY/MM/DD/<time>-<runbook>-<target>-<id>/`, with room in it for a record."""
    at = dt.datetime.now(dt.UTC)
    name = f"{at:%H%M%S}-{runbook}-{target}-{secrets.token_hex(4)}"
    return reserve(archive, archive / f"{at:%Y/%m/%d}" / name)


def reserve(archive: Path, folder: Path) -> Path:
    """Make this new folder, and prove that it can hold a record. Raises ArchiveUnusable."""
    with _refusing(archive):
        folder.mkdir(parents=True, exist_ok=False)
        probe = folder / ".reserve"
        try:
            probe.write_bytes(bytes(RESERVE_BYTES))
        except OSError:
            probe.unlink(missing_ok=True)
            folder.rmdir()
            raise
        probe.unlink()
    return folder


@contextlib.contextmanager
def _refusing(archive: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveUnusable(
            f"the archive {archive} can't take a record: {error.strerror or error}.",
            state=f"no run began; {NOTHING_CHANGED}",
            next_step="make the folder writable with a few MiB free, or set `archive` in "
            "runbook.toml to one that is.",
        ) from error


def write_atomically(file: Path, text: str) -> None:
    """Write a file whole or not at all, and durably: stage, fsync, rename, fsync the folder."""
    staged = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with staged.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(staged, file)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def now() -> str:
    """The time in UTC, to the microsecond as the server tells it, as ISO 8601."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def new_facts(target: Target, runbook: str, parameters: Mapping[str, Any]) -> Facts:
    """The facts of a run that has just begun in this process. Reads only."""
    return {
        "format": FORMAT,
        "id": "",
        "runbook": runbook,
        "target": target.name,
        "project": str(target.project),
        **OPEN,
        "who": origin.who(),
        "reason": parameters.get("reason", ""),
        "parameters": dict(parameters),
        "started": now(),
        "started_by_database": None,
        "finished_by_database": None,
        "database": None,
        "version_table": None,
        "revisions": {"before": None, "after": None},
        "plan": None,
        "steps": [],
        "stages": [],
        "doing": None,
        "health": None,
        "notebook": None,
        "versions": origin.versions(),
    }
