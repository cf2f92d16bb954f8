"""What nbval compares, kept beside the tests: tests/outputs/NAME.json, cell id to outputs.

The runbooks themselves are committed and shipped without outputs: what looks live is live.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parent / "outputs"
COMPARED = "nbval-check-output"

Json = dict[str, Any]
Outputs = Mapping[str, list[Json]]


class KeptOutputsError(Exception):
    """The kept outputs and the tagged cells of a runbook do not fit together."""


def read(name: str, folder: Path = KEPT) -> Outputs:
    """The kept outputs of a runbook by cell id; none when its file is missing. Reads only."""
    file = folder / f"{name}.json"
    kept: Outputs = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return kept


def write(name: str, kept: Outputs, folder: Path = KEPT) -> None:
    """Write the kept outputs of a runbook, in the place of those that were there."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def astray(names: Iterable[str], folder: Path = KEPT) -> list[Path]:
    """The files with the kept outputs of none of these runbooks. Reads only."""
    known = set(names)
    return sorted(file for file in folder.glob("*.json") if file.stem not in known)


def merged(name: str, book: Json, kept: Outputs) -> Json:
    """A copy of a notebook with the kept outputs in its tagged cells, and no other. Pure.

    Raises KeptOutputsError for a tagged cell of which no output is kept, which nbval would
    pass without a look, and for a kept output of no tagged cell.
    """
    copy: Json = json.loads(json.dumps(book))
    tagged = _tagged(copy)
    if missing := [cell for cell in tagged if not kept.get(cell)]:
        raise KeptOutputsError(
            f"tests/outputs/{name}.json keeps no output of {', '.join(missing)}, tagged {COMPARED} "
            f"in runbooks/{name}.ipynb.\n  Next: make outputs"
        )
    if strange := [cell for cell in kept if cell not in tagged]:
        raise KeptOutputsError(
            f"tests/outputs/{name}.json keeps outputs of {', '.join(strange)}, which names no cell "
            f"tagged {COMPARED} in runbooks/{name}.ipynb.\n  Next: tag the cell, or: make outputs"
        )
    for cell in _code(copy):
        cell["outputs"], cell["execution_count"] = [], None
    for number, (cell_id, cell) in enumerate(tagged.items(), 1):
        # nbval takes a cell without a count for one that was never run, and compares nothing.
        cell["outputs"], cell["execution_count"] = kept[cell_id], number
    return copy


def taken(name: str, executed: Json) -> Outputs:
    """The outputs of the tagged cells of an executed notebook, by cell id. Pure.

    Raises KeptOutputsError for a tagged cell that showed nothing.
    """
    shown = {cell_id: cell["outputs"] for cell_id, cell in _tagged(executed).items()}
    if silent := [cell for cell, outputs in shown.items() if not outputs]:
        raise KeptOutputsError(
            f"runbooks/{name}.ipynb: {', '.join(silent)} showed nothing that could be kept.\n"
            f"  Next: take the tag {COMPARED} off"
        )
    return {cell: [_uncounted(output) for output in outputs] for cell, outputs in shown.items()}


def _code(book: Json) -> list[Json]:
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def _tagged(book: Json) -> dict[str, Json]:
    """The cells whose outputs nbval compares, by id."""
    return {c["id"]: c for c in _code(book) if COMPARED in c["metadata"].get("tags", [])}


def _uncounted(output: Json) -> Json:
    return {**output, "execution_count": None} if "execution_count" in output else output
