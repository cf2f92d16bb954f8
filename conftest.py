"""nbval over runbooks/: each notebook starts from a demo database of its own, at b9d0965451a3."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lexikon_runbook import demo

PROJECT = Path(__file__).parent
OWN = pytest.StashKey[Path]()


# Fixtures do not reach nbval's items, so this is done around the session.
def pytest_sessionstart(session: pytest.Session) -> None:
    """Give the notebooks a demo server of their own: the developer's keeps its data."""
    options = session.config.option
    if getattr(options, "nbval", False) or getattr(options, "nbval_lax", False):
        folder = session.config.stash[OWN] = Path(tempfile.mkdtemp(prefix="runbooks-"))
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = str(folder / "demo")
        demo.start(PROJECT)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop that server, and remove its files."""
    if folder := session.config.stash.get(OWN, None):
        demo.stop(PROJECT)
        shutil.rmtree(folder)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a notebook's first cell, make the database anew."""
    if getattr(item, "cell_num", None) == 0:
        demo.reset(PROJECT)
