"""Execute the runbooks on a fresh demo and keep the outputs that nbval compares.

`make outputs` runs it. Writes runbooks/*.ipynb; every other output is left out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from lexikon_runbook import demo

PROJECT = Path(__file__).parent.parent
COMPARED = "nbval-check-output"


def commit(notebook: Path) -> None:
    """Execute one notebook, and write it with the compared outputs only."""
    book = nbformat.read(notebook, as_version=4)
    NotebookClient(book, kernel_name="python3", timeout=120).execute(cwd=str(notebook.parent))
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code" and COMPARED not in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = [], None
    book.metadata.pop("widgets", None)
    book.metadata["language_info"] = {"name": "python"}
    nbformat.write(book, notebook)


def main() -> None:
    """Each notebook starts from a database of its own."""
    with tempfile.TemporaryDirectory(prefix="runbooks-") as folder:
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{folder}/demo"
        try:
            for notebook in sorted((PROJECT / "runbooks").glob("*.ipynb")):
                demo.reset(PROJECT)
                commit(notebook)
        finally:
            demo.stop(PROJECT)


if __name__ == "__main__":
    main()
