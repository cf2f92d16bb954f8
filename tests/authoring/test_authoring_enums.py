"""create_migration on models with enum types: each comes and goes by a statement of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authors import NOTES, Author, authors
from servers import Database

PETS = """
class Pet(Base):
    __tablename__ = "pets"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    mood: orm.Mapped[str] = orm.mapped_column(sa.Enum("sad", "it's: ok %", ":x", name="mood"))
    moods: orm.Mapped[list] = orm.mapped_column(
        sa.ARRAY(sa.Enum("sad", "it's: ok %", ":x", name="mood")))
    kind: orm.Mapped[str] = orm.mapped_column(sa.Enum("a", name="kind", native_enum=False))
"""
ZOOS = """
class Zoo(Base):
    __tablename__ = "zoos"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    mood: orm.Mapped[str] = orm.mapped_column(sa.Enum("sad", "it's: ok %", ":x", name="mood"))
"""
STATE = """
class Note(Base):
    __tablename__ = "notes"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    body: orm.Mapped[str]
    state: orm.Mapped[str] = orm.mapped_column(
        sa.Enum("new", "done", name="Note state"), server_default="new")
"""


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    with authors(database, tmp_path / "project", monkeypatch) as made:
        yield made


def proved(author: Author, message: str) -> str:
    """Write what the models change and prove it; the file's text."""
    run = author.write(message)
    assert run.prove().failures == ()
    assert run._revision is not None
    return run._revision.source


def test_a_type_is_created_once_whoever_uses_it_and_dropped_again(author: Author) -> None:
    """Two tables, an array, and a column of a table that is there."""
    author.notes()
    author.models(STATE, PETS, ZOOS)
    text = proved(author, "Add pets and zoos, and a state to notes")
    assert text.count("CREATE TYPE mood") == text.count("DROP TYPE mood") == 1
    assert text.count("create_type=False") == 4
    assert "sa.Enum('a', name='kind', native_enum=False)" in text
    up, _, down = text.partition("def downgrade")
    assert up.index("CREATE TYPE") < up.index("op.create_table") < up.index("op.add_column")
    assert down.index("op.drop_table") < down.index("DROP TYPE")


def test_a_type_that_is_there_is_used_as_it_is(author: Author) -> None:
    """By a table that is created, and by one that is dropped while another keeps the type."""
    author.notes()
    author.models(NOTES, PETS)
    proved(author, "Add pets to the notes")
    author.models(NOTES, PETS, ZOOS)
    text = proved(author, "Add zoos to the pets")
    assert "TYPE" not in text
    assert text.count("create_type=False") == 1
    author.models(NOTES, PETS)
    text = proved(author, "Drop zoos from the pets")
    assert "TYPE" not in text


def test_a_type_goes_with_the_last_table_that_has_it(author: Author) -> None:
    """And comes back with it on the way down."""
    author.notes()
    author.models(NOTES, ZOOS)
    proved(author, "Add zoos to the notes")
    author.models(NOTES)
    up, _, down = proved(author, "Drop zoos from the notes").partition("def downgrade")
    assert up.index("op.drop_table") < up.index("DROP TYPE mood")
    assert down.index("CREATE TYPE mood") < down.index("op.create_table")


def test_a_type_that_somebody_else_creates_is_left_to_them(author: Author) -> None:
    """create_type=False in the model, or a revision that autogenerate's hooks have filled."""
    author.checkout.revision(
        "aa01",
        None,
        "op.execute(\"CREATE TYPE mood AS ENUM ('sad')\")",
        "op.execute('DROP TYPE mood')",
    )
    author.models(
        """
        from sqlalchemy.dialects import postgresql
        class Zoo(Base):
            __tablename__ = "zoos"
            id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
            mood: orm.Mapped[str] = orm.mapped_column(
                postgresql.ENUM("sad", name="mood", create_type=False))
        """
    )
    assert "TYPE" not in proved(author, "Add zoos with their mood").partition("def downgrade")[0]
