"""create_migration, stage by stage: from a changed model to a proved file, or to a clear stop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import runs
from authors import HEAD, MADE, MODELS, NOTES, TAGS, Author, authors, with_metadata
from servers import PROJECT, Database

from lexikon_runbook.authoring import message
from lexikon_runbook.errors import (
    HistoryError,
    ModelsUnusable,
    NotBuilt,
    NotProved,
    NotWritten,
    ParameterError,
    RunbookError,
    UnknownRevision,
)
from lexikon_runbook.postgres import catalog


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    with authors(database, tmp_path / "project", monkeypatch) as made:
        yield made


def outcome(author: Author) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(author.runs[-1].record.file.read_text())
    return found


def schema(database: Database) -> catalog.Catalog:
    with closing(database.connect()) as connection:
        return catalog.read(connection)


def test_a_new_model_becomes_a_reviewed_and_proved_file(author: Author) -> None:
    """One file, no danger, proved; neither the target nor the throwaway server keeps anything."""
    author.notes()
    author.models(NOTES, TAGS)
    before = schema(author.database)
    run = author.run(message="Add tags to notes")
    assert "At          aa01" in str(run.base())
    assert [o.words for o in run.changes().operations] == ["create table", "create index"]
    written = run.write("Add tags to notes")
    assert written.revision is not None
    assert written.revision.down == ("aa01",)
    assert author.files == {"aa01.py", f"{written.revision.id}_add_tags_to_notes.py"}
    assert "op.create_table('tags'" in str(written)
    assert run.review("").dangers == ()
    assert run.prove().holds
    assert "commit -m 'db(migration): Add tags to notes'" in str(run.git())
    assert ("File", str(written.revision.file)) in run.finish().lines
    facts = outcome(author)
    assert (facts["outcome"], facts["exit_code"]) == ("succeeded", 0)
    assert facts["file"] == str(written.revision.file)
    assert facts["proof"] == ["holds"]
    assert schema(author.database) == before
    assert author.database.rows(MADE) == []


def test_models_that_the_migrations_produce_write_nothing(author: Author) -> None:
    """Every later stage says so calmly, and the run ends with nothing to do."""
    author.notes()
    author.models(NOTES)
    run = author.run(message="Add tags to notes")
    assert not run.changes()
    assert "nothing to write" in str(run.write("Add tags to notes"))
    for said in (run.review(""), run.prove(), run.git()):
        assert "there is no revision" in str(said)
    assert run.finish().outcome == "nothing to do"
    assert author.files == {"aa01.py"}


def test_without_a_message_the_changes_are_shown_and_nothing_is_written(author: Author) -> None:
    """A look before one decides: outcome `dry run`."""
    author.notes()
    author.models(NOTES, TAGS)
    run = author.run()
    assert "create table" in str(run.changes())
    assert "message is empty" in str(run.write(""))
    assert run.finish().outcome == "dry run"
    assert author.files == {"aa01.py"}


@pytest.mark.parametrize(
    "poor",
    ["Update schema", "fix", "WIP", "changes to the database", "Migration 2", "x" * 91 + " tags"],
)
def test_a_message_that_would_fit_any_revision_is_refused(author: Author, poor: str) -> None:
    """With the reason, and a message made of what this revision does."""
    author.notes()
    author.models(NOTES, TAGS)
    with pytest.raises(NotWritten) as stop:
        author.write(poor)
    assert 'message="Create tags with its index"' in stop.value.next_step
    assert stop.value.state == "no file was written."
    assert author.files == {"aa01.py"}


@pytest.mark.parametrize(
    "good", ["Add webhooks table and delivery tracking", "Performance indexes for queries"]
)
def test_the_guide_s_own_messages_are_good(good: str) -> None:
    """So are those of Lexikon's revisions."""
    assert message.poor(good) == ""


def test_a_message_of_two_lines_is_refused_as_a_parameter(author: Author) -> None:
    """Before anything is looked at."""
    author.models(NOTES)
    with pytest.raises(ParameterError, match="one line"):
        author.run().write("Add tags\nand more")


def test_a_model_that_was_edited_meanwhile_is_read_again(author: Author) -> None:
    """The kernel lives on; what it once imported does not. The same file is written anew."""
    author.notes()
    author.models(NOTES, TAGS)
    run = author.write()
    (first,) = author.files - {"aa01.py"}
    author.models(
        NOTES,
        TAGS,
        'class More(Base):\n    __tablename__ = "more"\n    id: '
        "orm.Mapped[int] = orm.mapped_column(primary_key=True)\n",
    )
    run.base()
    assert "more" in str(run.changes())
    second = run.write("Add tags and more to notes")
    assert author.files == {"aa01.py", f"{first[:12]}_add_tags_and_more_to_notes.py"}
    assert second.revision is not None
    assert second.revision.id == first[:12]
    assert run.prove().holds


def test_a_file_that_somebody_edited_is_not_written_over(author: Author) -> None:
    """It is left as it is, with the two ways on."""
    author.notes()
    author.models(NOTES, TAGS)
    run = author.write()
    (name,) = author.files - {"aa01.py"}
    file = author.checkout.versions / name
    file.write_text(file.read_text() + "# by hand\n")
    with pytest.raises(NotWritten) as stop:
        run.write("Add labels to notes")
    assert f'revision="{name[:12]}"' in stop.value.next_step
    assert f"rm {file}" in stop.value.next_step
    assert file.read_text().endswith("# by hand\n")
    assert author.files == {"aa01.py", name}


def test_a_revision_with_a_danger_ends_the_run_badly_and_keeps_its_file(author: Author) -> None:
    """Exit 1: the reasons, where the file is, how to prove it again, how to remove it."""
    author.notes()
    author.models(NOTES + "    rank: orm.Mapped[int]\n")
    author.database.execute("create table notes (id int, body text); insert into notes values (1)")
    run = author.write("Add rank to notes")
    run.review("")
    assert not run.prove().holds
    with pytest.raises(NotProved) as stop:
        run.finish()
    (name,) = author.files - {"aa01.py"}
    assert "rank would be NULL in each row of notes (about 82 rows)" in stop.value.happened or (
        "rank would be NULL in each row of notes" in stop.value.happened
    )
    assert "up, with rows: ALTER TABLE notes ADD COLUMN rank INTEGER NOT NULL" in (
        stop.value.happened
    )
    assert f"-p models={MODELS} -p revision={name[:12]}" in stop.value.next_step
    assert f"rm {author.checkout.versions / name}" in stop.value.next_step
    assert author.files == {"aa01.py", name}


def test_several_heads_are_refused_with_the_merge_command(author: Author) -> None:
    """A new revision could follow either."""
    author.notes()
    author.checkout.revision("bb01", "aa01")
    author.checkout.revision("bb02", "aa01")
    with pytest.raises(HistoryError, match="2 heads") as stop:
        author.run().base()
    assert 'alembic merge -m "Merge heads" bb01 bb02' in stop.value.next_step


def test_a_broken_base_is_named_before_anything_is_added_to_it(author: Author) -> None:
    """A syntax error by file and line; a revision that fails by its first failing statement."""
    author.notes()
    failing = author.checkout.revision("bb01", "aa01", "create table notes ();")
    with pytest.raises(NotBuilt, match=r'relation "notes" already exists \(42P07\)'):
        author.run().base()
    failing.write_text("def upgrade(:\n")
    with pytest.raises(HistoryError, match=r"bb01.py:1: syntax error"):
        author.run().base()


def test_a_revision_that_is_not_there_is_refused(author: Author) -> None:
    """With the nearest one."""
    author.notes()
    with pytest.raises(UnknownRevision, match="did you mean aa01"):
        author.run(revision="aa02").base()


def test_finish_needs_the_stages_before_it(author: Author) -> None:
    """A run that was not reviewed and proved does not count as one that was."""
    author.notes()
    author.models(NOTES, TAGS)
    with pytest.raises(RunbookError, match="not been through Write"):
        author.run().finish()
    run = author.write()
    with pytest.raises(RunbookError, match="not been through Review"):
        run.finish()


def test_env_py_s_own_models_and_options_are_used(author: Author) -> None:
    """Its target_metadata where no other is named, and what its include_object leaves out."""
    author.notes()
    author.models(NOTES, TAGS)
    env_py = author.checkout.folder / "migrations" / "env.py"
    env_py.write_text(with_metadata())
    assert [o.what for o in author.run(models="").changes().operations] == [
        "tags",
        "ix_tags_note_id",
    ]
    env_py.write_text(with_metadata(options="include_object=lambda o, n, *_: n != 'tags',"))
    assert not author.run(models="").changes()


def test_without_any_models_the_parameter_is_named(author: Author) -> None:
    """An env.py as `alembic init` writes it has none."""
    author.notes()
    with pytest.raises(ModelsUnusable, match="no target_metadata") as stop:
        author.run(models="").changes()
    assert 'models="package.module:Base"' in stop.value.next_step


def test_models_of_another_package_and_folder_are_found(author: Author) -> None:
    """By the ini's prepend_sys_path, as Alembic finds what env.py imports; a MetaData will do."""
    author.notes()
    author.models(NOTES, TAGS, file="src/store/tables.py")
    ini = author.checkout.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("sys_path = %(here)s", "sys_path = %(here)s/src"))
    found = author.run(models="store.tables:Base.metadata").changes()
    assert [o.what for o in found.operations] == ["tags", "ix_tags_note_id"]


@pytest.mark.parametrize(
    ("models", "text", "said"),
    [
        ("shop.models:Base", "import nowhere\n", r"shop/models.py:1: .*No module named 'nowhere'"),
        ("shop.models:Base", "x = (\n", r"shop/models.py:1: .*SyntaxError"),
        ("shop.models:Base", "raise ValueError('postgresql://u:hunter2@h/d')\n", "ValueError"),
        ("shop.models:Bass", "", "shop.models has no Bass"),
        ("shop.models:sa", "", "neither a MetaData nor a declarative base"),
        ("shop.nowhere:Base", "", "No module named 'shop.nowhere'"),
        ("shop.models", "", "names no models"),
        ("os;system:x", "", "names no models"),
    ],
)
def test_models_that_can_t_be_used_are_told_by_file_and_line(
    author: Author, models: str, text: str, said: str
) -> None:
    """Without a secret, and with what to write; the models that are there are named."""
    author.notes()
    author.models(NOTES, head=text + HEAD)
    with pytest.raises(ModelsUnusable, match=said) as stop:
        author.run(models=models).changes()
    assert "hunter2" not in str(stop.value)
    if models == "shop.models:Bass":
        assert stop.value.next_step == "its models are: Base, Note."


def test_an_async_env_py_does(author: Author) -> None:
    """It calls asyncio.run(), also where a notebook's loop runs already."""
    author.notes()
    author.models(NOTES, TAGS)
    env_py = author.checkout.folder / "migrations" / "env.py"
    later = "import asyncio\n\nasync def later():\n    run()\n\nasyncio.run(later())\n"
    env_py.write_text(with_metadata().replace("\nrun()\n", f"\n{later}"))
    run = author.write(models="")
    assert run.review("").dangers == ()
    assert run.prove().holds


def test_tables_of_another_schema_are_written_and_proved(author: Author) -> None:
    """With env.py's include_schemas, and the schema made by a revision."""
    author.checkout.revision("aa01", None, "create schema shelf;", "drop schema shelf;")
    env_py = author.checkout.folder / "migrations" / "env.py"
    env_py.write_text(with_metadata(options="include_schemas=True,"))
    author.models(NOTES + '    __table_args__ = {"schema": "shelf"}\n')
    run = author.write("Add notes to the shelf", models="")
    assert "schema='shelf'" in str(run.git()) + "".join(
        (author.checkout.versions / f).read_text() for f in author.files
    )
    assert run.prove().holds


def test_the_target_may_be_down(author: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the sizes comes from throwaway databases; tables then count as large."""
    author.notes()
    author.models(NOTES + "    rank: orm.Mapped[int | None] = orm.mapped_column(index=True)\n")
    monkeypatch.setenv("HERE_URL", "postgresql://u:hunter2@127.0.0.1:1/nowhere")
    run = author.write("Add rank to notes")
    said = str(run.review(""))
    assert "taken as large (target here could not be read:" in " ".join(said.split())
    assert "hunter2" not in said
    assert "index ix_notes_rank blocks writers of notes (rows not known)" in " ".join(said.split())


@pytest.fixture
def project(lexikon: Any, tmp_path: Path) -> runs.Project:
    """Lexikon's project at its head, with a copy of its models that have one table more."""
    made = runs.make(tmp_path, lexikon("f36a73221bb3"), 'throwaway_url_env = "THROWAWAY_URL"')
    return replace(made, folder=tmp_path)


def test_headless_it_writes_the_file_and_ends_with_0(
    project: runs.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented command, with models outside of this package; then 1 for a poor message."""
    monkeypatch.setenv("THROWAWAY_URL", project.database.url)
    text = (PROJECT / "lexikon_runbook" / "demo" / "models.py").read_text()
    (project.folder / "shop.py").write_text(
        f'{text}\n\nclass Tag(Base):\n    """A label."""\n\n    __tablename__ = "tags"\n\n'
        "    id: Mapped[Id]\n    name: Mapped[str]\n"
    )
    ended = project.run("create_migration", message="Add tags to terms", models="shop:Base")
    assert ended.exit_code == 0, ended.err
    assert ended.record["outcome"] == "succeeded"
    file = Path(ended.record["file"])
    assert file.parent == project.folder / "alembic" / "versions"
    assert '"""Create tags."""' in file.read_text()
    file.unlink()
    stopped = project.run("create_migration", message="Update schema", models="shop:Base")
    assert stopped.exit_code == 1
    assert 'message="Create tags"' in stopped.err + stopped.out
    assert len(list((project.folder / "alembic" / "versions").glob("*.py"))) == 3
    runs.until(lambda: project.database.rows(MADE) == [], "the throwaway databases are gone")


def test_the_page_explains_every_question_and_parameter() -> None:
    """docs/create-migration.md names each by the words that the notebook shows."""
    from lexikon_runbook.authoring.questions import QUESTIONS
    from lexikon_runbook.runbooks import notebooks, parameters

    page = (PROJECT / "docs" / "create-migration.md").read_text(encoding="utf-8")
    for question in QUESTIONS:
        assert question.title in page
    for name in parameters.of_notebook(notebooks.find(PROJECT, "create_migration")):
        assert f"| `{name}` |" in page
