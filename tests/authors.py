"""A small project whose models may be ahead of its migrations, and runs of create_migration."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import checkouts
from checkouts import Checkout
from servers import PROJECT

from lexikon_runbook.creating import Creating
from lexikon_runbook.settings import Target

MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, mapped_column

class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention={
        "pk": "%(table_name)s_pkey", "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey"})

class Author(Base):
    __tablename__ = "authors"
    id = mapped_column(sa.Integer, primary_key=True)
    name = mapped_column(sa.Text, nullable=False)

class Note(Base):
    __tablename__ = "notes"
    id = mapped_column(sa.Integer, primary_key=True)
    body = mapped_column(sa.Text, nullable=False)
    colour = mapped_column(sa.String(20))
"""
FIRST = """
create table authors (id serial primary key, name text not null);
create table notes (id serial primary key, body text not null, colour varchar(20));
"""
COLUMN = "    colour = mapped_column(sa.String(20))\n"
VALUES = {"target": "here", "message": "", "models": "shop:Base", "revision": "", "reason": ""}


@dataclass
class Author:
    """One project, and the runs that were begun in it."""

    checkout: Checkout
    target: Target
    runs: list[Creating] = field(default_factory=list)

    def begin(self, **given: str) -> Creating:
        """Begin the runbook as its notebook does."""
        run = Creating("create_migration", {**VALUES, **given}, self.target)
        self.runs.append(run)
        return run

    def models(self, *changes: tuple[str, str], more: str = "") -> Path:
        """Write the models, changed in these places."""
        text = MODELS
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = self.checkout.folder / "shop.py"
        file.write_text(text + more, encoding="utf-8")
        return file

    def written(self, message: str, **given: str) -> tuple[Creating, str]:
        """Write a revision from the models; its run, and the file's text."""
        run = self.begin(message=message, **given)
        made = run.write(message)
        assert made.revision is not None, str(made)
        return run, made.revision.source

    def files(self) -> list[str]:
        """The revision files there are."""
        return sorted(file.name for file in self.checkout.versions.glob("*.py"))


def author(folder: Path, url: str, setenv: Callable[[str, str], Any]) -> Author:
    """A project with one revision that its models match."""
    setenv("HERE_URL", url)
    made = checkouts.checkout(folder)
    made.revision("aa01", None, FIRST, "drop table notes; drop table authors;")
    shutil.copy(PROJECT / "alembic" / "script.py.mako", folder / "migrations")
    target = Target(
        "here",
        folder,
        url_env="HERE_URL",
        throwaway_url_env="HERE_URL",
        archive=folder / "archive",
    )
    found = Author(made, target)
    found.models()
    return found
