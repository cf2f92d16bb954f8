"""create_migration from the models to the file: what changed, what is written, what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import authors
import pytest
import runs
from authors import COLUMN, Author
from servers import PROJECT, Database

from lexikon_runbook.errors import HistoryError, ModelsUnusable, NotProved, NotWritten, RunbookError

TAG = """

class Tag(Base):
    __tablename__ = "tags"
    id = mapped_column(sa.Integer, primary_key=True)
    note_id = mapped_column(sa.ForeignKey("notes.id", ondelete="CASCADE"), index=True)
    label = mapped_column(sa.String, nullable=False)
"""
LABEL = "sa.String, nullable=False", 'sa.Enum("red", "blue", name="label"), nullable=False'
STARRED = (COLUMN, COLUMN + "    starred = mapped_column(sa.Text)\n")


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    made = authors.author(tmp_path / "project", database.url, monkeypatch.setenv)
    yield made
    for run in made.runs:
        run.superseded()
    assert database.rows("select datname from pg_database where datname like 'throwaway%'") == []
    assert database.rows("select relname from pg_class where relname = 'notes'") == []


def test_models_that_match_give_nothing_to_do(author: Author) -> None:
    """A calm end: every later cell says that there is nothing, and no file appears."""
    run = author.begin(message="Paint notes in colours")
    assert run.base().at == ("aa01",)
    assert not run.changes()
    assert "the models are what the migrations produce" in str(run.write("Paint notes in colours"))
    for shown in (run.review(), run.prove(), run.git()):
        assert "there is no revision" in str(shown)
    assert run.finish().outcome == "nothing to do"
    assert author.files() == ["aa01.py"]


def test_changes_are_shown_without_a_message_and_nothing_is_written(author: Author) -> None:
    """Added and dropped columns, a table with its index and its enum: in words and as code."""
    author.models((COLUMN, "    starred = mapped_column(sa.Text)\n"), more=TAG.replace(*LABEL))
    run = author.begin()
    found = run.changes()
    words = {f"{o.words} {o.what}" for o in found.operations}
    assert words == {
        *("create table tags", "create index ix_tags_note_id"),
        *("add column notes.starred", "drop column notes.colour"),
    }
    assert 'sa.Enum("red", "blue", name="label")' in found.upgrade
    assert "message is empty" in str(run.write(""))
    assert run.finish().outcome == "dry run"
    assert author.files() == ["aa01.py"]


def test_a_written_revision_is_in_house_style_and_says_what_it_does(author: Author) -> None:
    """ruff finds nothing to mend in it; its docstrings name what comes and what is lost."""
    author.models(STARRED, more=TAG)
    run, source = author.written("Tag notes and star them")
    (name,) = [name for name in author.files() if name != "aa01.py"]
    file = author.checkout.versions / name
    assert re.fullmatch(r"[0-9a-f]{12}_tag_notes_and_star_them\.py", name)
    for words in (("check",), ("format", "--check")):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "--config"]
        ended = subprocess.run(
            [*command, str(PROJECT / "pyproject.toml"), str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + source
    assert re.search(r'def upgrade\(\) -> None:\n    """Create tags', source)
    assert re.search(r'def downgrade\(\) -> None:\n    """Drop .*every value', source)
    assert run.review().dangers == ()  # type: ignore[union-attr]
    proof = run.prove()
    assert not proof.failures, str(proof)  # type: ignore[union-attr]
    assert f"add -- migrations/versions/{name}" in str(run.git()).replace(
        str(author.checkout.folder) + "/", ""
    )
    assert run.finish().outcome == "succeeded"
    assert run.record.facts["proof"] == ["holds"]


def test_an_enum_type_that_autogenerate_forgets_is_named_with_the_line(author: Author) -> None:
    """Its downgrade leaves the type, and the next upgrade fails: the run ends with an error."""
    author.models(STARRED, more=TAG.replace(*LABEL))
    run, source = author.written("Tag notes and star them")
    assert "DROP TYPE" not in source
    assert 'op.execute("DROP TYPE label")' in str(run.review())
    assert "it leaves enum label" in str(run.prove())
    with pytest.raises(NotProved) as stop:
        run.finish()
    file = stop.value.state.partition("its file stays: ")[2].partition(". No")[0]
    mended = Path(file).read_text().rstrip() + '\n    op.execute("DROP TYPE label")\n'
    Path(file).write_text(mended)
    run.review()
    assert not run.prove().failures  # type: ignore[union-attr]
    assert run.finish().outcome == "succeeded"


def test_the_project_s_own_template_and_file_names_are_kept(author: Author) -> None:
    """What `alembic revision` would write is what is written."""
    ini = author.checkout.folder / "alembic.ini"
    ini.write_text(ini.read_text() + "file_template = %%(slug)s-%%(rev)s\n")
    mako = author.checkout.folder / "migrations" / "script.py.mako"
    mako.write_text(
        '"""${message} (ours)"""\nfrom alembic import op\nimport sqlalchemy as sa\n'
        "revision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n"
        "def upgrade():\n    ${upgrades}\ndef downgrade():\n    ${downgrades}\n"
    )
    author.models(STARRED)
    _, source = author.written("Star notes")
    assert source.startswith('"""Star notes (ours)"""')
    assert any(name.startswith("star_notes-") for name in author.files())


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Update schema", "it would fit any revision"),
        ("Notes", "one word does not say"),
        (" Star notes", "white space around it"),
        (("Star notes " * 9).strip(), "characters, and a list of revisions shows"),
    ],
)
def test_a_message_that_says_nothing_is_refused(author: Author, message: str, why: str) -> None:
    """The guide's best practice 3; the refusal says why and suggests one."""
    author.models(STARRED)
    with pytest.raises(NotWritten) as stop:
        author.begin(message=message).write(message)
    assert why in stop.value.happened
    assert 'message="' in stop.value.next_step
    assert author.files() == ["aa01.py"]


def test_a_message_with_quotes_and_letters_of_any_language_is_kept(author: Author) -> None:
    """It stands in the file as it was given, and the file is Python."""
    author.models(STARRED)
    _, source = author.written('Star notes: \u2605 by "editor\'s choice" 100%')
    compile(source, "revision", "exec")
    assert '\u2605 by "editor\'s choice" 100%' in source


def test_the_cell_run_again_replaces_its_own_file_unless_somebody_edited_it(
    author: Author,
) -> None:
    """Models change meanwhile; an edited file is not lost."""
    author.models(STARRED)
    run, before = author.written("Star notes")
    author.models((COLUMN, COLUMN + "    marked = mapped_column(sa.Text)\n"))
    run.base()
    run.changes()
    again = run.write("Mark notes")
    assert again.revision is not None
    assert "marked" in again.revision.source
    assert len(author.files()) == 2
    assert again.revision.id in before
    again.revision.file.write_text(again.revision.source + "\n# by hand\n")
    with pytest.raises(NotWritten) as stop:
        run.write("Mark notes")
    assert "was edited since this run wrote it" in stop.value.happened
    assert again.revision.file.read_text().endswith("# by hand\n")


def test_a_versions_folder_that_can_t_be_written_is_refused(author: Author) -> None:
    """Nothing appears there, and the folder is named."""
    author.models(STARRED)
    run = author.begin(message="Star notes")
    run.changes()
    versions = author.checkout.versions
    hidden = versions.with_name("hidden")
    run.base()
    versions.rename(hidden)
    versions.symlink_to("/proc")
    try:
        with pytest.raises(RunbookError) as stop:
            run.write("Star notes")
    finally:
        versions.unlink()
        hidden.rename(versions)
    assert isinstance(stop.value, NotWritten | HistoryError)
    assert author.files() == ["aa01.py"]


def test_several_heads_and_broken_files_are_refused_with_what_mends_them(author: Author) -> None:
    """A new revision has one parent: the merge command stands in the refusal."""
    author.checkout.revision("bb01", "aa01")
    author.checkout.revision("bb02", "aa01")
    with pytest.raises(HistoryError) as stop:
        author.begin().base()
    assert 'alembic merge -m "Merge heads" ' in stop.value.next_step
    (author.checkout.versions / "bb02.py").write_text("def upgrade(:\n")
    with pytest.raises(HistoryError) as stop:
        author.begin().base()
    assert "bb02.py:1: syntax error" in stop.value.happened


def test_models_that_can_t_be_used_are_named_with_the_line(author: Author) -> None:
    """No models, a module that fails, a name that is none: each with what to write."""
    cases = [
        ("", "env.py gives no target_metadata", 'models="package.module:Base"'),
        ("shop:Nothing", "shop has no Nothing", "its models are: "),
        ("shop", "names no models", 'models="package.module:Base"'),
        ("broken:Base", "broken.py:2: broken can't be imported: RuntimeError: secret", "mend it"),
    ]
    (author.checkout.folder / "broken.py").write_text("x = 1\nraise RuntimeError('secret')\n")
    for models, happened, advice in cases:
        with pytest.raises(ModelsUnusable) as stop:
            author.begin(models=models).changes()
        assert happened in stop.value.happened
        assert advice in stop.value.next_step
        assert stop.value.state == "nothing was changed."


def test_env_py_s_own_metadata_is_taken_with_its_options(author: Author) -> None:
    """include_object of the project counts: what it leaves out is no change."""
    env = author.checkout.folder / "migrations" / "env.py"
    env.write_text(
        "import sys, os; sys.path.insert(0, os.getcwd())\nfrom shop import Base\n"
        + env.read_text().replace(
            "context.configure(connection=connection,",
            "context.configure(connection=connection, target_metadata=Base.metadata,\n"
            "            include_object=lambda o, name, kind, *_: name != 'starred',",
        )
    )
    author.models(
        (
            COLUMN,
            COLUMN + "    starred = mapped_column(sa.Text)\n    kept = mapped_column(sa.Text)\n",
        )
    )
    found = author.begin(models="").changes()
    assert [o.what for o in found.operations] == ["notes.kept"]


def test_a_revision_with_a_danger_ends_with_an_error_and_its_file_stays(author: Author) -> None:
    """A required column without a value for the rows that exist: exit 1, the code, the rm."""
    author.models((COLUMN, COLUMN + "    owner = mapped_column(sa.Text, nullable=False)\n"))
    run, _ = author.written("Give notes an owner")
    run.review()
    run.prove()
    with pytest.raises(NotProved) as stop:
        run.finish()
    assert stop.value.exit_code == 1
    assert "is not ready" in stop.value.happened
    assert len(author.files()) == 2
    assert "rm " in stop.value.next_step


def test_headless_it_writes_reviews_proves_and_archives(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """The whole notebook with Lexikon's project and changed models elsewhere; exit 0."""
    made = lexikon("f36a73221bb3")
    throwaway = 'throwaway_url_env = "STAGING_URL"'
    project = runs.make(tmp_path / "project", made, throwaway, url=made.url)
    source = (PROJECT / "lexikon_runbook" / "models.py").read_text()
    changed = source.replace(
        "    domain: Mapped[str | None]\n",
        "    domain: Mapped[str | None]\n    tags: Mapped[str | None]\n",
        1,
    )
    assert changed != source
    (project.folder / "changed_models.py").write_text(changed)
    ended = project.run(
        "create_migration", models="changed_models:Base", message="Add tags to terms"
    )
    assert (ended.exit_code, ended.record["outcome"]) == (0, "succeeded"), ended.err
    (file,) = project.folder.glob("alembic/versions/*_add_tags_to_terms.py")
    assert 'op.add_column("terms", sa.Column("tags"' in file.read_text()
    assert ended.record["file"] == str(file)
    assert made.rows("select 1 from pg_attribute where attname = 'tags'") == []
