"""nbval over runbooks/: each notebook starts from a demo database of its own, at b9d0965451a3."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lexikon_runbook import demo

PROJECT = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def own_demo(request: pytest.FixtureRequest) -> Iterator[None]:
    """A demo server for the notebooks, so that the developer's own keeps its data."""
    if not request.config.getoption("nbval", False) and not request.config.getoption(
        "nbval_lax", False
    ):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="runbooks-") as folder:
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{folder}/demo"
        demo.start(PROJECT)
        yield
        demo.stop(PROJECT)
        del os.environ["LEXIKON_RUNBOOK_DEMO_DIR"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a notebook's first cell, make the database anew."""
    if getattr(item, "cell_num", None) == 0:
        demo.reset(PROJECT)
