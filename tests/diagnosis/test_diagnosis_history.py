"""Troubleshoot on a long history: 500 revisions with branches and merges."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import checkouts
import pytest
from alembic.config import Config
from checkouts import Checkout
from servers import Database, Server

from alembic import command
from lexikon_runbook.diagnosis import reading
from lexikon_runbook.diagnosis.diagnoses import diagnose
from lexikon_runbook.diagnosis.proofs import Match
from lexikon_runbook.diagnosis.reading.proving import prove
from lexikon_runbook.project import database as databases
from lexikon_runbook.targets.settings import Target

LENGTH, FORK = 500, 20
"""Every FORK revisions a side branch of two leaves the line, and is merged five later."""


def write(project: Checkout) -> list[str]:
    """A history in which tables come and grow; gives the main line's ids."""
    line: list[str] = []
    side: tuple[str, str] | None = None
    made = 0
    while made < LENGTH:
        number = len(line)
        id_, parents = f"m{number:04d}", line[-1] if line else None
        down: str | tuple[str, ...] | None = parents
        if side and number % FORK == 5 and parents:
            down, side = (parents, side[1]), None
        table = f"t{number // 4}"
        up, back = f"create table {table} (id int primary key);", f"drop table {table};"
        if number % 4 == 3:
            up, back = f"create index ix_{number} on {table} (id);", f"drop index ix_{number};"
        elif number % 4:
            up = f"alter table {table} add column c{number} text;"
            back = f"alter table {table} drop column c{number};"
        project.revision(id_, down, up, back)
        line.append(id_)
        made += 1
        if number % FORK == 0 and made + 2 <= LENGTH:
            first, second = f"s{number:04d}", f"s{number:04d}x"
            side_table = f"side{number}"
            project.revision(
                first, id_, f"create table {side_table} ();", f"drop table {side_table};"
            )
            back = f"alter table {side_table} drop column note;"
            project.revision(second, first, f"alter table {side_table} add column note text;", back)
            side, made = (first, second), made + 2
    return line


@pytest.fixture(scope="module")
def long(server: Server) -> Iterator[tuple[Checkout, list[str], Database]]:
    """The checkout, its main line, and a database at its middle, the newest branch not in it."""
    with (
        tempfile.TemporaryDirectory(prefix="history-") as folder,
        pytest.MonkeyPatch.context() as p,
    ):
        project = checkouts.checkout(Path(folder))
        line, database = write(project), server.create()
        p.setenv("HERE_URL", database.url)
        config = Config(str(project.folder / "alembic.ini"), stdout=io.StringIO())
        url = database.url.replace("postgresql:", "postgresql+psycopg2:").replace("%", "%%")
        config.set_main_option("sqlalchemy.url", url)
        command.upgrade(config, line[204])
        yield project, line, database
        database.drop()


def test_the_revision_of_a_long_history_is_recognised(
    long: tuple[Checkout, list[str], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every revision is built once, and the one that it is is proved, also between branches."""
    project, line, database = long
    monkeypatch.setenv("HERE_URL", database.url)
    target = Target(
        "here", project.folder, url_env="HERE_URL", throwaway_url_env="HERE_URL", archive=tmp_path
    )
    found = databases.look(target)
    seen = reading.look(found)
    assert [t.diagnosis.id for t in diagnose(seen).found] == []
    assert len(seen.pending.ids) > 200  # type: ignore[union-attr]
    database.execute("drop table alembic_version")
    found = databases.look(target)
    seen = prove(found, reading.look(found))
    assert isinstance(seen.match, Match), seen.match
    assert seen.match.exact == (line[204],)
    assert seen.match.built == LENGTH + 1
    first = diagnose(seen, proved=True).found[0]
    assert first.remedy.shell == (f"alembic stamp --purge {line[204]}",)
