"""The runbooks that there are, as notebook files. Reads only."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from ..errors import NOTHING_CHANGED, ParameterError, SettingsError

HERE = Path(__file__).parent
WITH_PACKAGE = (HERE / "shipped", HERE.parents[1] / "runbooks")  # in a wheel; in a checkout


def known(project: Path) -> dict[str, Path]:
    """The notebooks by name: the project's own, else those that came with this package."""
    return _first(project / "runbooks", *WITH_PACKAGE)


def shipped() -> dict[str, Path]:
    """The notebooks that came with this package, by name."""
    return _first(*WITH_PACKAGE)


def _first(*folders: Path) -> dict[str, Path]:
    """The notebooks of the first of these folders that is there."""
    there = next((folder for folder in folders if folder.is_dir()), None)
    return {file.stem: file for file in sorted(there.glob("*.ipynb"))} if there else {}


def find(project: Path, name: str) -> Path:
    """The notebook of that name, also when it is given as a file. Raises SettingsError."""
    files = known(project)
    stem = name.removeprefix("runbooks/").removesuffix(".ipynb")
    if stem in files:
        return files[stem]
    near = difflib.get_close_matches(stem, list(files), 1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise SettingsError(
        f"there is no runbook {name!r}{hint}",
        state=NOTHING_CHANGED,
        next_step=f"use one of: {', '.join(files) or f'none is in {project}/runbooks'}",
    )


def cells(file: Path) -> list[dict[str, Any]]:
    """The cells of a notebook file, as nbformat writes them. Raises ParameterError."""
    try:
        return list(json.loads(file.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ParameterError(
            f"{file} can't be read as a notebook.",
            state=NOTHING_CHANGED,
            next_step=f"bring it back: git checkout -- {file.name}, or move it elsewhere.",
        ) from error


def about(file: Path) -> str:
    """The first sentence under a notebook's heading."""
    lines = [line for cell in cells(file)[:1] for line in "".join(cell["source"]).splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")
