"""A maker of projects of every kind, with a database for the runbooks and one for Alembic."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kind import THROWAWAY, URL, Kind, toml, words, write_url
from servers import Database, Server

from lexikon_runbook.project import project

HISTORIES = Path(__file__).parent.parent / "histories"
KEYS = {
    "url_env": URL,
    "throwaway_url_env": THROWAWAY,
    "env_py_variable": "DATABASE_URL",
}


@pytest.fixture
def twin(server: Server) -> Iterator[Database]:
    """A second empty database, for plain Alembic."""
    made = server.create()
    yield made
    made.drop()


@pytest.fixture
def kind(
    database: Database, twin: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Kind]:
    """A maker: `kind("tenant_by_search_path", x=["tenant=acme"])` with keys of the target."""
    monkeypatch.setattr(project, "COPIES", 1)
    shutil.copytree(HISTORIES, tmp_path / "histories")
    shutil.copytree(HISTORIES, tmp_path / "plain")
    write_url(tmp_path / "plain", twin.url)
    monkeypatch.setenv(URL, database.url)
    monkeypatch.setenv(THROWAWAY, database.url)

    def make(name: str, **keys: Any) -> Kind:
        folder = tmp_path / "histories" / name
        (folder / "runbook.toml").write_text(toml({**KEYS, **keys}))
        return Kind(folder, tmp_path / "plain" / name, database, twin, words(keys))

    return make
