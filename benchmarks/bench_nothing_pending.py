"""A deploy with nothing pending against a notebook that does nothing, in turn, in one run.

Prints the wall time of `lexikon-runbook run deploy` and of plain
`papermill runbooks/deploy.ipynb`, each as a ratio to plain Papermill executing one empty
cell in the same environment. The target is 1.3 for a deploy; the second figure is what
Papermill's own bookkeeping of every cell leaves of it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ROUNDS = 7
TARGET = 1.3


def seconds(*command: str) -> float:
    """The wall time of one command, which must end well."""
    began = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return time.perf_counter() - began


def write(folder: Path, name: str, cells: list[nbformat.NotebookNode]) -> str:
    """A notebook of these cells, for the kernel that the runbooks use."""
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / name)
    return str(folder / name)


def same_cells(folder: Path) -> str:
    """The deploy notebook with every code cell emptied: what Papermill itself costs."""
    book = nbformat.read(PROJECT / "runbooks" / "deploy.ipynb", as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.source = "" if "parameters" not in cell.metadata.get("tags", []) else cell.source
    return write(folder, "same_cells.ipynb", book.cells)


def main() -> None:
    """Measure, and print one line a figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{name}/demo"
        empty = write(folder, "empty.ipynb", [nbformat.v4.new_code_cell("")])
        papermill = (str(BIN / "papermill"), "--no-progress-bar")
        out = str(folder / "out.ipynb")
        ours = (str(BIN / "lexikon-runbook"), "run", "deploy")
        commands = {
            "no-op notebook, papermill": (*papermill, empty, out),
            "deploy, lexikon-runbook run": ours,
            "deploy, papermill": (*papermill, "runbooks/deploy.ipynb", out),
            "deploy's cells emptied, papermill": (*papermill, same_cells(folder), out),
        }
        subprocess.run(ours, cwd=PROJECT, check=True, capture_output=True)
        try:
            measure(commands)
        finally:
            subprocess.run((ours[0], "demo", "stop"), cwd=PROJECT, check=True, capture_output=True)


def measure(commands: dict[str, tuple[str, ...]]) -> None:
    """Run the commands in turn, and print their medians and ratios."""
    times: dict[str, list[float]] = {label: [] for label in commands}
    for _ in range(ROUNDS):
        for label, command in commands.items():
            times[label].append(seconds(*command))
    base, *others = times
    print(f"{base}: {statistics.median(times[base]):.2f} s, median of {ROUNDS}")
    for label in others:
        ratios = [a / b for a, b in zip(times[label], times[base], strict=True)]
        middle = statistics.median(ratios)
        print(
            f"{label}: {statistics.median(times[label]):.2f} s, ratio {middle:.2f} "
            f"(min {min(ratios):.2f}, max {max(ratios):.2f}; target {TARGET})"
        )


if __name__ == "__main__":
    main()
