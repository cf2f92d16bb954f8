"""One headless run: Papermill with our engine, into a folder of the archive.

Leaves the executed notebook, its HTML view and a record that says how the run ended,
also when the kernel was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..facts import Facts, Revisions
from ..record import archive, ending, record
from ..record.record import Record
from ..targets.settings import Target
from .page import View, spare_jsonschema

spare_jsonschema()

from nbclient.exceptions import DeadKernelError  # noqa: E402
from papermill.engines import papermill_engines  # noqa: E402
from papermill.execute import execute_notebook  # noqa: E402
from papermill.iorw import papermill_io  # noqa: E402

from .engine import NAME, RunbookEngine  # noqa: E402


class _Whole:
    """A Papermill output handler that writes a notebook whole, masked, or not at all."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask

    def read(self, path: str) -> str:
        return Path(path).read_text(encoding="utf-8")

    def listdir(self, path: str) -> list[str]:
        return [str(file) for file in Path(path).iterdir()]

    def write(self, text: str, path: str) -> None:
        safe = record.as_json(record.plain(json.loads(text), self._mask), indent=1)
        record.write_atomically(Path(path), safe + "\n")

    def pretty_path(self, path: str) -> str:
        return path


def run(notebook: Path, values: dict[str, Any], target: Target, folder: Path, view: View) -> Facts:
    """Execute a runbook into its record's folder, and return the finished record.

    Writes the archive, and what the runbook writes. Never raises for a failing runbook:
    the record says how it ended, also when the kernel was killed.
    """
    output = folder / notebook.name
    papermill_engines.register(NAME, RunbookEngine)
    papermill_io.register(str(folder), _Whole(target.mask))
    os.environ[record.ADOPT] = str(folder)
    error: BaseException | None = None
    try:
        execute_notebook(
            str(notebook).replace("{", "{{").replace("}", "}}"),
            str(output).replace("{", "{{").replace("}", "}}"),
            values,
            engine_name=NAME,
            progress_bar=False,
        )
    except (Exception, KeyboardInterrupt) as caught:
        error = caught
    finally:
        os.environ.pop(record.ADOPT, None)
    ended = _settled(target, notebook.stem, values, folder, error)
    try:
        view.write(output)
    except Exception as failed:
        ended.journal("no view", error=f"{type(failed).__name__}: {failed}")
    return archive.read(ended.file) or ended.facts  # as it was written: masked


def _settled(
    target: Target, runbook: str, values: dict[str, Any], folder: Path, error: BaseException | None
) -> Record:
    """The record as the kernel ended it; ended here when the kernel could not."""
    facts = archive.read(folder / "record.json") or {
        **record.new_facts(target, runbook, values),
        "id": folder.name.rsplit("-", 1)[-1],
        "notebook": f"{runbook}.ipynb",
    }
    ended = Record(folder, facts, target.mask)
    if ended.finished:
        return ended
    from ..record import earlier_runs

    table = facts["version_table"]
    after = earlier_runs.settled(target, table) if table else None  # it never knew the database
    revisions: Revisions = {"before": facts["revisions"]["before"], "after": after}
    if isinstance(error, KeyboardInterrupt):
        ending.interrupted(ended, {"revisions": revisions})
    elif isinstance(error, DeadKernelError):
        ending.died(ended, after)
    else:
        ending.unfinished(ended, error, {"revisions": revisions})
    return ended
