"""The file of a new revision: in house style, through the project's own template and ini."""

from __future__ import annotations

import ast
import io
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.config import Config
from authors import NOTES, TAGS, Author, authors
from servers import PROJECT, Database

from alembic import command
from lexikon_runbook.authoring import house, layout
from lexikon_runbook.authoring.writing import NUMBER
from lexikon_runbook.errors import NotWritten

RUFF = [str(Path(sys.executable).with_name("ruff"))]
LEXIKON_CHANGES = (
    (
        "    term_metadata: Mapped[LongText | None]",
        "    term_metadata: Mapped[LongText | None]\n"
        "    note: Mapped[str] = mapped_column(String(80), server_default=text(\"'it''s new'\"))\n"
        "    a_column_with_quite_a_long_name_for_a_column: Mapped[int | None] = mapped_column("
        "index=True)",
    ),
    ("    country: Mapped[str | None] = mapped_column(String(2))", ""),
    (
        "    examples: Mapped[LongText | None]",
        '    examples: Mapped[str] = mapped_column("examples")',
    ),
)
TAG = '''

class Tag(Base):
    """A label."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("name", "term_id"), Index(None, "name", "term_id"))

    id: Mapped[Id]
    name: Mapped[str]
    level: Mapped[TermLevel]
    data: Mapped[dict] = mapped_column(postgresql.JSONB, server_default="{}")
    term_id: Mapped[str] = mapped_column(ForeignKey("terms.id", ondelete="CASCADE"))
'''


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    with authors(database, tmp_path / "project", monkeypatch) as made:
        made.notes()
        made.models(NOTES, TAGS)
        yield made


@pytest.fixture
def lexikon_author(author: Author, tmp_path: Path) -> Author:
    """The same author at Lexikon's project, whose models are a changed copy of its own."""
    folder = tmp_path / "lexikon"
    shutil.copytree(PROJECT / "alembic", folder / "alembic")
    shutil.copy(PROJECT / "alembic.ini", folder)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    (folder / "shop").mkdir()
    text = (PROJECT / "lexikon_runbook" / "demo" / "models.py").read_text()
    for old, new in LEXIKON_CHANGES:
        assert old in text
        text = text.replace(old, new)
    dialect = "from sqlalchemy.dialects import postgresql\n"
    text = text.replace("from sqlalchemy.orm", f"{dialect}from sqlalchemy.orm", 1)
    (folder / "shop" / "models.py").write_text(text + TAG)
    author.target = replace(author.target, project=folder)
    return author


def ruff_finds_nothing(folder: Path, *but: str) -> None:
    """Neither `ruff check` nor `ruff format --check` with this project's settings."""
    for words in (["check", *but], ["format", "--check", "--diff"]):
        run = subprocess.run(
            [*RUFF, *words, "--no-cache", "alembic/versions"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_a_file_is_laid_out_by_the_project_s_own_ruff_settings(lexikon_author: Author) -> None:
    """A table, columns, indexes, keys, a changed and a dropped column; the docstrings say it."""
    run = lexikon_author.run(message="Add tags, and notes to terms")
    written = run.write("Add tags, and notes to terms")
    assert written.revision is not None
    assert f"by ruff, as {lexikon_author.target.project / 'pyproject.toml'} has it" in " ".join(
        str(written).split()
    )
    ruff_finds_nothing(lexikon_author.target.project)
    source = written.revision.source
    tree = ast.parse(source)
    docs = {f.name: ast.get_docstring(f) for f in tree.body if isinstance(f, ast.FunctionDef)}
    words = " ".join(str(docs["upgrade"]).split())
    assert words.startswith("Create tags with its index; add terms.note")
    assert "drop users.country" in docs["upgrade"]
    assert "with every row" in docs["downgrade"]
    assert "terms.note" in docs["downgrade"]
    assert "with every value" in docs["downgrade"]
    assert "from sqlalchemy.dialects import postgresql\n\nfrom alembic import op\n" in source
    assert "### commands auto generated" not in source


def test_plain_alembic_writes_a_file_that_asks_for_its_docstrings(
    lexikon_author: Author, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`alembic revision`, with and without --autogenerate; `alembic merge` has nothing to say."""
    folder = lexikon_author.target.project
    config = Config(str(folder / "alembic.ini"), stdout=io.StringIO())
    config.attributes["configure_logger"] = False
    config.set_main_option("sqlalchemy.url", database.url.replace("%", "%%"))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", sys.path[:])
        command.upgrade(config, "head")
        command.revision(config, "Nothing from the models", autogenerate=True)
        by_hand = command.revision(config, 'An empty "one"', head="f36a73221bb3", splice=True)
        merge = command.merge(config, "heads", "Merge the two")
    ruff_finds_nothing(folder, "--ignore=F401")  # the imports of what is to be written by hand
    for text in (house.UP_UNSAID, house.DOWN_UNSAID, "import sqlalchemy as sa", "import op"):
        assert text in Path(by_hand.path).read_text()
    assert '"""Nothing: it joins two branches."""' in Path(merge.path).read_text()
    assert "import" not in Path(merge.path).read_text()


def test_without_ruff_the_file_is_as_the_template_gives_it(
    lexikon_author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written all the same, with the extra that brings ruff."""
    monkeypatch.setattr(layout, "_program", without_ruff)
    written = lexikon_author.run(message="Add tags to terms").write("Add tags to terms")
    assert written.revision is not None
    assert "op.create_table('tags'," in written.revision.source
    assert "pip install 'lexikon-runbook[author]'" in " ".join(str(written).split())


def without_ruff() -> list[str]:
    raise layout.NotLaidOut(layout.MISSING)


def test_a_project_without_ruff_settings_keeps_its_own_style(author: Author) -> None:
    """Nobody asked for another: quotes, imports and order are its template's."""
    written = author.run(message="Add tags to notes").write("Add tags to notes")
    assert written.revision is not None
    assert "op.create_table('tags'" in written.revision.source
    assert "# ### commands auto generated" in written.revision.source
    assert "the project has no settings for ruff" in " ".join(str(written).split())


def test_what_ruff_refuses_stays_as_it_is(tmp_path: Path) -> None:
    """Settings with a mistake in them are told, and no byte is lost."""
    (tmp_path / "ruff.toml").write_text("line-length = 'long'\n")
    laid = layout.of_file(b"x = 'a'\n", tmp_path / "versions" / "a.py")
    assert laid.data == b"x = 'a'\n"
    assert "ruff says: " in laid.why
    assert "ruff.toml" in laid.why


def test_a_file_that_ruff_is_to_leave_alone_is_left_alone(tmp_path: Path) -> None:
    """The project's extend-exclude counts, as with `ruff format .`."""
    (tmp_path / "ruff.toml").write_text('extend-exclude = ["versions"]\n')
    laid = layout.of_file(b"x = 'a'\n", tmp_path / "versions" / "a.py")
    assert laid.data == b"x = 'a'\n"


@pytest.mark.parametrize("code", ["op.execute('it\\'s')", "op.f('" + "x" * 120 + "')", "op.f("])
def test_code_to_read_keeps_its_meaning(code: str) -> None:
    """Also where it is no Python at all."""
    laid = layout.for_reading(code)
    assert laid == code or ast.dump(ast.parse(laid)) == ast.dump(ast.parse(code))


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ('Add "tags" to notes', True),
        ("Füge Notizen ein Schlagwort hinzu: 标签", True),
        ("Add 100% of the tags to notes", True),
        ('Add """tags""" to notes', False),
        ("Add tags\\N to notes", False),
        ("Add tags\\n to notes", False),
    ],
)
def test_a_message_stands_in_the_file_as_it_was_given_or_not_at_all(
    author: Author, text: str, fine: bool
) -> None:
    """Quotes and other scripts do; what would be another text between triple quotes is refused."""
    run = author.run(message=text)
    if fine:
        written = run.write(text)
        assert written.revision is not None
        assert written.revision.message == text
        return
    with pytest.raises(NotWritten) as stop:
        run.write(text)
    assert "backslashes out" in stop.value.next_step
    assert author.files == {"aa01.py"}


def test_the_ini_s_file_template_and_folders_are_kept_to(author: Author) -> None:
    """A % in the name, a short slug, and several version locations: it goes to its parent's."""
    folder = author.checkout.folder
    more = folder / "more"
    more.mkdir()
    shutil.move(folder / "migrations" / "versions" / "aa01.py", more)
    ini = folder / "alembic.ini"
    ini.write_text(
        ini.read_text()
        + "file_template = %%(year)d_100%%%%_%%(rev)s_%%(slug)s\ntruncate_slug_length = 8\n"
        + "version_locations = %(here)s/migrations/versions:%(here)s/more\n"
        + "version_path_separator = os\n"  # before Alembic 1.16, for path_separator
    )
    run = author.run(message="Add tags to notes")
    written = run.write("Add tags to notes")
    assert written.revision is not None
    assert written.revision.file.parent == more
    assert written.revision.file.name[4:] == f"_100%_{written.revision.id}_add_.py"
    made = run.prove()
    assert made.holds, str(made)


def test_the_template_s_line_ends_are_all_the_file_has(author: Author) -> None:
    """A template from Windows and Alembic's own lines would else be mixed."""
    template = author.checkout.folder / "migrations" / "script.py.mako"
    template.write_bytes(template.read_bytes().replace(b"\n", b"\r\n"))
    written = author.run(message="Add tags to notes").write("Add tags to notes")
    assert written.revision is not None
    data = written.revision.file.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") > 20
    assert b"\r\r" not in data


def test_the_output_encoding_is_kept_to(author: Author) -> None:
    """A file in latin-1 says so, and is read back."""
    folder = author.checkout.folder
    template = folder / "migrations" / "script.py.mako"
    template.write_text("# -*- coding: latin-1 -*-\n" + template.read_text())
    ini = folder / "alembic.ini"
    ini.write_text(ini.read_text() + "output_encoding = latin-1\n")
    with pytest.raises(NotWritten) as stop:
        author.run(message="Füge Notizen etwas hinzu").write("Füge Notizen etwas hinzu")
    assert "makes a file that is not Python" in stop.value.happened
    assert author.files == {"aa01.py"}


HOOK = """
[post_write_hooks]
hooks = mark
mark.type = exec
mark.executable = {python}
mark.options = -c "import sys; open(sys.argv[1], 'a').write('# {mark}\\n')" REVISION_SCRIPT_FILENAME
"""


def test_post_write_hooks_run_and_one_that_fails_leaves_no_file(author: Author) -> None:
    """As with `alembic revision`: a formatter of the project's own."""
    ini = author.checkout.folder / "alembic.ini"
    before = ini.read_text()
    ini.write_text(before + HOOK.format(python=sys.executable, mark="formatted"))
    written = author.run(message="Add tags to notes").write("Add tags to notes")
    assert written.revision is not None
    assert written.revision.source.endswith("# formatted\n")
    written.revision.file.unlink()
    ini.write_text(before + HOOK.format(python="/nowhere/python", mark=""))
    with pytest.raises(NotWritten):
        author.run(message="Add tags to notes").write("Add tags to notes")
    assert author.files == {"aa01.py"}


@contextmanager
def a_full_disk() -> Iterator[None]:
    """No file may grow."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_that_can_t_be_written_is_named(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full or read-only: nothing stays, not even the beginning of a file."""
    from lexikon_runbook.authoring import writing

    run = author.run(message="Add tags to notes")
    run.changes()
    whole = writing._place

    def on_a_full_disk(file: Path, data: bytes) -> None:
        with a_full_disk():
            whole(file, data)

    monkeypatch.setattr(writing, "_place", on_a_full_disk)
    with pytest.raises(NotWritten, match="can't be written: File too large") as stop:
        run.write("Add tags to notes")
    assert "room on the disk" in stop.value.next_step
    assert author.files == {"aa01.py"}


def test_a_template_that_is_broken_is_named(author: Author) -> None:
    """Missing, or one that makes no Python."""
    template = author.checkout.folder / "migrations" / "script.py.mako"
    text = template.read_text()
    template.write_text(text.replace("def upgrade()", "def upgrade("))
    with pytest.raises(NotWritten, match=r"script.py.mako makes a file that is not Python \(line"):
        author.run(message="Add tags to notes").write("Add tags to notes")
    template.unlink()
    with pytest.raises(NotWritten, match=r"script\.py\.mako"):
        author.run(message="Add tags to notes").write("Add tags to notes")
    assert author.files == {"aa01.py"}


def test_a_file_of_that_name_is_not_written_over(author: Author) -> None:
    """Where the file's name is not made of the id, two revisions could share one."""
    ini = author.checkout.folder / "alembic.ini"
    ini.write_text(ini.read_text() + "file_template = %%(slug)s\n")
    first = author.checkout.revision("aa02", "aa01", file="add_tags_to_notes.py")
    before = first.read_text()
    with pytest.raises(NotWritten, match=r"add_tags_to_notes\.py exists") as stop:
        author.run(message="Add tags to notes").write("Add tags to notes")
    assert stop.value.next_step.startswith("choose another message")
    assert first.read_text() == before


def test_env_py_s_directives_may_rename_or_take_away_the_revision(author: Author) -> None:
    """A hook that numbers the revisions is heard; one that splits them is refused."""
    env_py = author.checkout.folder / "migrations" / "env.py"
    text = env_py.read_text()
    hooked = text.replace(
        "connection=connection,",
        "connection=connection, process_revision_directives=hook,",
    )
    env_py.write_text("def hook(c, r, found):\n    found[0].rev_id = '0002'\n" + hooked)
    written = author.run(message="Add tags to notes").write("Add tags to notes")
    assert written.revision is not None
    assert written.revision.id == "0002"
    written.revision.file.unlink()
    env_py.write_text("def hook(c, r, found):\n    found[:] = []\n" + hooked)
    assert not author.run().changes()
    twice = "    import copy\n    found.append(copy.copy(found[0]))\n    found[1].rev_id = 'x2'\n"
    twice += "    found[1].head = found[0].rev_id\n"
    env_py.write_text(f"def hook(c, r, found):\n{twice}{hooked}")
    with pytest.raises(NotWritten, match="makes 2 revisions"):
        author.run(message="Add tags to notes").write("Add tags to notes")
    assert author.files == {"aa01.py"}


def test_no_id_looks_like_a_number() -> None:
    """`papermill -p revision 12e456789012` would make it inf."""
    assert NUMBER.fullmatch("12e456789012")
    assert NUMBER.fullmatch("123456789012")
    assert not NUMBER.fullmatch("f36a73221bb3")
