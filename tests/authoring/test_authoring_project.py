"""create_migration through what a project has of its own: env.py's options, hooks, its Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from authors import HEAD, MODELS, NOTES, TAGS, Author, authors, with_metadata
from servers import Database

from lexikon_runbook.errors import ModelsUnusable, NotWritten

MONEY = """
class Money(sa.types.TypeDecorator):
    impl = sa.Numeric
    cache_ok = True

class Price(Base):
    __tablename__ = "prices"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    amount: orm.Mapped[int] = orm.mapped_column(Money(10, 2))
"""
RENDER_ITEM = """
def render(kind, item, autogen):
    if kind == "type" and type(item).__name__ == "Money":
        autogen.imports.add("from decimal import Decimal")
        return "sa.Numeric(10, 2)"
    return False

"""
UNLESS_EMPTY = """
def unless_empty(context, revision, found):
    if context.config.cmd_opts.autogenerate and found[0].upgrade_ops.is_empty():
        found[:] = []
    else:
        found[0].message += " of the shop"

"""
OF_ENV_PY = """
from alembic.script import write_hooks

@write_hooks.register("signed")
def signed(path, options):
    with open(path, "a") as file:
        file.write("# signed by " + options["by"] + chr(10))

"""
INI_HOOK = """
[post_write_hooks]
hooks = mark
mark.type = {type}
mark.by = the shop
mark.executable = {python}
mark.options = -c "{code}" REVISION_SCRIPT_FILENAME
"""


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    with authors(database, tmp_path / "project", monkeypatch) as made:
        made.notes()
        yield made


def env_py(author: Author, text: str) -> None:
    (author.checkout.folder / "migrations" / "env.py").write_text(text)


def source(author: Author, message: str = "Add what the shop needs", models: str = "") -> str:
    """The file that a run writes from env.py's own models."""
    written = author.run(message=message, models=models).write(message)
    assert written.revision is not None, written
    return written.revision.source


def hooked(author: Author, code: str = "", type_: str = "exec") -> None:
    ini = author.checkout.folder / "alembic.ini"
    hook = INI_HOOK.format(type=type_, python=sys.executable, code=code)
    ini.write_text(ini.read_text() + hook)


def test_types_are_written_as_the_project_s_render_item_has_them(author: Author) -> None:
    """With the import it asks for; in what is shown as in the file, which is proved."""
    author.models(NOTES, MONEY)
    env_py(author, RENDER_ITEM + with_metadata(options="render_item=render,"))
    run = author.run(message="Add prices to the shop", models="")
    assert "sa.Numeric(10, 2)" in run.changes().upgrade
    written = run.write("Add prices to the shop")
    assert written.revision is not None
    assert "from decimal import Decimal\n" in written.revision.source
    assert "sa.Column('amount', sa.Numeric(10, 2), nullable=False)" in written.revision.source
    assert run.prove().holds


def test_a_type_that_the_file_can_t_import_leaves_no_file(author: Author) -> None:
    """Alembic would write `shop.models.Money()` without an import: named before it is there."""
    author.models(NOTES, MONEY)
    render = RENDER_ITEM.replace("from decimal import Decimal", "from nowhere import Money")
    env_py(author, render + with_metadata(options="render_item=render,"))
    with pytest.raises(NotWritten, match=r"can't be imported: ModuleNotFoundError.*nowhere"):
        source(author)
    assert author.files == {"aa01.py"}


def test_directives_see_the_command_that_they_are_part_of(author: Author) -> None:
    """Alembic's own recipe asks cmd_opts.autogenerate, and drops a revision that is empty."""
    author.models(NOTES)
    options = "process_revision_directives=unless_empty,"
    env_py(author, UNLESS_EMPTY + with_metadata(options=options))
    assert not author.run(models="").changes()
    author.models(NOTES, TAGS)
    assert source(author).startswith('"""Add what the shop needs of the shop')


def test_a_file_template_with_folders_has_them_made(author: Author) -> None:
    """A folder a year, as newer versions of Alembic allow it."""
    author.models(NOTES, TAGS)
    ini = author.checkout.folder / "alembic.ini"
    text = "file_template = %%(year)d/%%(slug)s\nrecursive_version_locations = true\n"
    ini.write_text(ini.read_text() + text)
    written = author.run(message="Add tags to notes").write("Add tags to notes")
    assert written.revision is not None
    assert written.revision.file.name == "add_tags_to_notes.py"
    assert written.revision.file.parent.parent == author.checkout.versions


def test_a_hook_that_env_py_registers_runs(author: Author) -> None:
    """With its options; env.py is run for it once more."""
    author.models(NOTES, TAGS)
    env_py(author, OF_ENV_PY + with_metadata())
    hooked(author, type_="signed")
    assert source(author).endswith("# signed by the shop\n")


def test_a_hook_knows_no_address_of_the_target(author: Author) -> None:
    """It is a program that may start others; the variable leads to the throwaway database."""
    author.models(NOTES, TAGS)
    hooked(
        author,
        "import os, sys; open(sys.argv[1], 'a').write('# ' + os.environ['HERE_URL'])",
    )
    text = source(author, models=MODELS)
    assert "throwaway_" in text.splitlines()[-1]
    assert author.database.name not in text


def test_a_hook_that_breaks_the_file_leaves_none(author: Author) -> None:
    """It is read back as Alembic will read it."""
    author.models(NOTES, TAGS)
    hooked(author, "import sys; open(sys.argv[1], 'a').write('def (')")
    with pytest.raises(NotWritten, match=r"read back: .*syntax error"):
        source(author, models=MODELS)
    assert author.files == {"aa01.py"}


def test_several_metadata_of_env_py_are_compared_together(author: Author) -> None:
    """A list of them, as Alembic takes it."""
    author.models(NOTES, TAGS)
    author.models(
        MONEY.replace("Base", "Other").replace(
            "class Price", "Other = orm.declarative_base()\n\nclass Price"
        ),
        file="till/models.py",
        head="import sqlalchemy as sa\nfrom sqlalchemy import orm\n",
    )
    text = with_metadata().replace("Base.metadata", "[Base.metadata, Other.metadata]")
    env_py(author, "from till.models import Other\n" + text)
    found = author.run(models="").changes()
    assert {o.what for o in found.operations} == {"tags", "ix_tags_note_id", "prices"}


def test_a_revision_is_reviewed_and_proved_without_any_models(author: Author) -> None:
    """`target_metadata = None` is what `alembic init` writes: said, and no reason to stop."""
    author.checkout.revision("bb01", "aa01", "create table tags (id int);", "drop table tags;")
    run = author.run(models="", revision="bb01")
    assert "models not compared" in str(run.changes())
    assert run.review("").dangers == ()
    proof = run.prove()
    assert proof.holds
    said = " ".join(str(proof).split())
    assert "not compared: env.py gives no target_metadata" in said
    assert run.finish().outcome == "succeeded"


def test_a_new_revision_needs_models(author: Author) -> None:
    """It is made from them: where to name them is said."""
    with pytest.raises(ModelsUnusable, match="no target_metadata") as stop:
        author.run(models="").changes()
    assert 'models="package.module:Base"' in stop.value.next_step


def test_models_that_were_edited_are_read_again_by_the_cell_that_shows_changes(
    author: Author,
) -> None:
    """Nobody has to think of running the base again."""
    author.models(NOTES)
    run = author.run(message="Add tags to notes")
    assert not run.changes()
    author.models(NOTES, TAGS, head=HEAD)
    assert [o.what for o in run.changes().operations] == ["tags", "ix_tags_note_id"]


def test_nothing_that_a_comparison_runs_reaches_the_target(author: Author) -> None:
    """An env.py that opens a connection of its own is refused, and the line is named."""
    author.models(NOTES, TAGS)
    url = author.database.url
    own = f"import psycopg2\npsycopg2.connect({url!r}).cursor().execute('drop table notes')\n"
    (author.checkout.folder / "shop" / "models.py").write_text(
        (author.checkout.folder / "shop" / "models.py").read_text() + own
    )
    with pytest.raises(ModelsUnusable, match=r"shop/models.py:\d+: .*psycopg2.connect"):
        author.run().changes()


def test_a_revision_that_does_something_outside_is_told_so_in_its_review(author: Author) -> None:
    """It was refused while the SQL was rendered, and would run at apply."""
    up = """
        op.execute("create table tags (id int)")
        import subprocess
        subprocess.run(["true"])
    """
    found = author.review(up, 'op.drop_table("tags")', models="")
    assert "calls subprocess.Popen at line" in found.answer("locks").evidence
