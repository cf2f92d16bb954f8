"""Small projects with models, for which create_migration is run stage by stage."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from checkouts import ENV_PY, Checkout, checkout
from servers import Database

import alembic
from lexikon_runbook.authoring.proof import Proof
from lexikon_runbook.authoring.review import Review
from lexikon_runbook.runbooks.create_migration import Creating
from lexikon_runbook.targets.settings import Target

MADE = "select datname from pg_database where datname like 'throwaway%'"
MODELS = "shop.models:Base"
HEAD = """
import sqlalchemy as sa
from sqlalchemy import orm

class Base(orm.DeclarativeBase):
    metadata = sa.MetaData(naming_convention={
        "pk": "%(table_name)s_pkey", "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key"})

"""
NOTES = """
class Note(Base):
    __tablename__ = "notes"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    body: orm.Mapped[str]
"""
TAGS = """
class Tag(Base):
    __tablename__ = "tags"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    note_id: orm.Mapped[int] = orm.mapped_column(
        sa.ForeignKey("notes.id", ondelete="CASCADE"), index=True)
"""
CREATE_NOTES = (
    'op.create_table("notes", sa.Column("id", sa.Integer(), nullable=False), '
    'sa.Column("body", sa.String(), nullable=False), sa.PrimaryKeyConstraint("id"))'
)


@dataclass
class Author:
    """A project in a folder, its target, and the runs that were begun for it."""

    checkout: Checkout
    target: Target
    database: Database
    runs: list[Creating] = field(default_factory=list)

    @property
    def files(self) -> set[str]:
        """The names in the versions folder, but for Python's own."""
        return {f.name for f in self.checkout.versions.iterdir() if f.name != "__pycache__"}

    def models(self, *classes: str, file: str = "shop/models.py", head: str = HEAD) -> Path:
        """Write the models; with them `shop` is a package outside of this one."""
        path = self.checkout.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(head + "\n".join(map(textwrap.dedent, classes)))
        return path

    def notes(self) -> None:
        """Write a first revision that creates `notes`."""
        self.checkout.revision("aa01", None, CREATE_NOTES, 'op.drop_table("notes")')

    def run(self, **values: Any) -> Creating:
        """Begin a run with these parameters."""
        given = {"target": "here", "message": "", "models": MODELS, "revision": "", "reason": ""}
        given |= values
        self.runs.append(Creating("create_migration", given, self.target, given))
        return self.runs[-1]

    def write(self, message: str = "Add tags to notes", **values: Any) -> Creating:
        """A run that has written what the models change."""
        begun = self.run(message=message, **values)
        begun.write(message)
        return begun

    def review(self, up: str, back: str = "pass", **values: Any) -> Review:
        """Review a revision with these lines, which follows the last of those written by hand."""
        found = self._by_hand(up, back, **values).review("cc01")
        assert isinstance(found, Review)
        return found

    def prove(self, up: str, back: str = "pass", **values: Any) -> Proof:
        """Prove a revision with these lines, which follows the last of those written by hand."""
        found = self._by_hand(up, back, **values).prove()
        assert isinstance(found, Proof)
        return found

    def _by_hand(self, up: str, back: str, **values: Any) -> Creating:
        down = max((f.removesuffix(".py") for f in self.files - {"cc01.py"}), default=None)
        self.checkout.revision("cc01", down, up, back)
        begun = self.run(revision="cc01", **values)
        begun.base()
        return begun


@contextmanager
def authors(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    """A project without a revision; what a run must not leave behind is checked at the end."""
    monkeypatch.setenv("HERE_URL", database.url)
    monkeypatch.setenv("THROWAWAY_URL", database.url)
    made = checkout(folder)
    template = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
    shutil.copy(template, made.folder / "migrations")
    target = Target(
        *("here", made.folder),
        url_env="HERE_URL",
        throwaway_url_env="THROWAWAY_URL",
        archive=made.folder / "archive",
    )
    ini = folder / "alembic.ini"
    paths = "prepend_sys_path = %(here)s\npath_separator = os\n"
    ini.write_text(ini.read_text() + paths)
    before = (os.getcwd(), sys.path[:], _own(folder), set(os.environ))
    author = Author(made, target, database)
    yield author
    for run in author.runs:
        run.superseded()
    assert (os.getcwd(), sys.path[:], _own(folder), set(os.environ)) == before
    assert database.rows(MADE) == []


def _own(folder: Path) -> list[str]:
    places = {
        n: [getattr(m, "__file__", ""), *getattr(m, "__path__", ())] for n, m in sys.modules.items()
    }
    return [n for n, found in places.items() if any(str(folder.parent) in str(p) for p in found)]


def with_metadata(text: str = ENV_PY, options: str = "") -> str:
    """An env.py that gives the models of `shop` to Alembic."""
    return text.replace(
        "connection=connection,",
        f"connection=connection, target_metadata=Base.metadata, {options}",
    ).replace("def run", "from shop.models import Base\n\ndef run", 1)
