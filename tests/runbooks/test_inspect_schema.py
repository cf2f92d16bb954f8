"""The inspect runbook's stages, and the notebook as it is run headlessly."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape as html_escape
from pathlib import Path
from typing import Any

import nbformat
import pytest
import runs
from checkouts import checkout
from servers import PASSWORD, Database

from lexikon_runbook.errors import Drifted, NoSuchTable, ParameterError, RunbookError
from lexikon_runbook.project import database as looked
from lexikon_runbook.runbooks.inspect_schema import Inspecting
from lexikon_runbook.schema import snapshot, versions
from lexikon_runbook.targets import settings

OLD, HEAD = "b9d0965451a3", "f36a73221bb3"
VALUES = {"target": "staging", "table": "", "compare_to": "", "fail_on_drift": False, "reason": ""}
TOML = """
throwaway_url_env = "THROWAWAY_URL"

[targets.other]
url_env = "OTHER_URL"
throwaway_url_env = "THROWAWAY_URL"
"""


@pytest.fixture
def project(
    lexikon: Callable[..., Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., runs.Project]:
    """A maker of projects with Lexikon's database at a revision, as targets staging and other."""

    def make(revision: str = HEAD) -> runs.Project:
        made = runs.make(tmp_path / "project", lexikon(revision), staging=TOML)
        monkeypatch.setenv("STAGING_URL", made.url)
        monkeypatch.setenv("THROWAWAY_URL", made.database.url)
        monkeypatch.setenv("OTHER_URL", lexikon(revision).tcp_url)
        return made

    return make


def begun(project: Any, target: str = "staging", **values: Any) -> Inspecting:
    """A run of the inspect runbook in this process."""
    of = settings.target(target, project.folder)
    return Inspecting("inspect_schema", {**VALUES, "target": target, **values}, of)


def through(run: Inspecting) -> None:
    """All its stages in the notebook's order."""
    run.reach()
    for stage in (run.version, run.tables, run.indexes, run.keys_without_index, run.sequences):
        stage()
    run.other_objects()
    run.drift()
    run.compare("")
    run.finish()


def test_a_run_leaves_a_record_of_what_it_looked_at(project: Callable[..., runs.Project]) -> None:
    """Database, revision, drift; nothing in the database was changed."""
    run = begun(project())
    through(run)
    facts = run.record.facts
    assert (facts["outcome"], facts["exit_code"]) == ("succeeded", 0)
    assert facts["revisions"] == {"before": HEAD, "after": HEAD}
    assert facts["database"]["key"]
    assert facts["drift"] == {"migrations": False, "models": False, "trouble": None}
    kept = snapshot.read(run.record.folder / "catalog.json")
    assert facts["snapshot"]["objects"] == len(kept.catalog.objects)


def test_drift_ends_the_run_only_where_it_was_asked_to(
    project: Callable[..., runs.Project],
) -> None:
    """What differs stands in the error, and the next step in it; without being asked it goes on."""
    made = project()
    made.database.execute("create index by_hand on terms (domain)")
    run = begun(made)
    assert "public.by_hand" in str(run.drift())
    assert dict(run.finish().lines)["Drift"] == "the database adds index by_hand, by hand"
    strict = begun(made, fail_on_drift=True)
    with pytest.raises(Drifted) as stop:
        strict.finish()
    assert (strict.record.folder / "catalog.json").exists()
    assert "adds index by_hand, by hand" in stop.value.happened
    assert "create_migration.ipynb" in stop.value.next_step


def test_drift_that_could_not_be_told_is_no_agreement(project: Callable[..., runs.Project]) -> None:
    """A migration that does not run on an empty database leaves it unknown, and that fails."""
    made = project()
    file = next(made.folder.glob(f"alembic/versions/{HEAD}*"))
    file.write_text(file.read_text().replace("def upgrade() -> None:", BROKEN))
    run = begun(made, fail_on_drift=True)
    assert "Drift against the migrations: unknown" in str(run.drift())
    with pytest.raises(Drifted) as stop:
        run.finish()
    assert "whether it drifted is unknown: the migrations don't run" in stop.value.happened
    assert run.record.facts["drift"]["migrations"] is None


BROKEN = "def upgrade() -> None:\n    op.execute('create index on nowhere (x)')\n"


def test_models_that_are_ahead_of_the_database_are_no_drift(
    project: Callable[..., runs.Project],
) -> None:
    """While a revision is pending, what it brings is missing and said to be pending."""
    run = begun(project(OLD), fail_on_drift=True)
    shown = str(run.drift())
    assert "the database lacks table webhooks" in shown
    assert f"Pending: {HEAD}." in shown
    assert run.finish().outcome == "succeeded"


def test_models_that_differ_fail_once_nothing_is_pending(
    project: Callable[..., runs.Project],
) -> None:
    """The migrations agree with the database, and the models with neither."""
    made = project()
    env = made.folder / "alembic" / "env.py"
    extra = "import sqlalchemy as sa\nextra = sa.MetaData()\nsa.Table('extra', extra)\n"
    code = env.read_text().replace("Base.metadata", "[Base.metadata, extra]")
    env.write_text(code.replace("\nconfig = ", f"\n{extra}\nconfig = ", 1))
    assert begun(made).drift().trouble == "the models differ: the database lacks table extra"


def test_a_database_that_is_not_alembic_s_is_shown_all_the_same(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything but drift, which is unknown; the project has no revision at all."""
    made = checkout(tmp_path / "bare")
    monkeypatch.setenv("HERE_URL", database.url)
    database.execute("create table someone_s (id int primary key)")
    run = begun(made, "here")
    assert list(run.tables()["table"]) == ["someone_s"]
    assert run.version().empty
    assert "unknown" in str(run.drift())
    through(run)
    assert run.record.facts["outcome"] == "succeeded"


def test_an_empty_database_is_gone_through_to_the_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to show is no error; drift is unknown, which a check for drift does not pass."""
    made = checkout(tmp_path / "bare")
    monkeypatch.setenv("HERE_URL", database.url)
    run = begun(made, "here", fail_on_drift=True)
    assert "No table: database" in str(run.table(""))
    with pytest.raises(Drifted) as stop:
        through(run)
    assert "unknown" in stop.value.happened


def test_a_role_without_any_right_sees_what_there_is(
    project: Callable[..., runs.Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may connect and nothing else: tables are listed with the GRANT, the version is unknown."""
    made = project()
    name = f"{made.database.name}_nobody"
    made.database.execute(f"create role {name} login password %s", PASSWORD)
    made.database.execute("revoke usage on schema public from public")
    role = made.database.server.role
    monkeypatch.setenv("STAGING_URL", made.url.replace(f"{role}:", f"{name}:", 1))
    run = begun(made)
    try:
        shown = str(run.reach())
        assert "Version row  unknown: there is a table public" in shown
        assert "never ran here" not in shown
        through(run)
        assert not run.tables()["readable"].any()
        assert run.tables()["grant"].str.contains(f"TO {name}").all()
        assert len(run.table("terms").columns) == 15
    finally:
        made.database.execute(f"drop owned by {name}; drop role {name}")


def test_history_tells_applied_pending_and_foreign_revisions(
    project: Callable[..., runs.Project],
) -> None:
    """Also a revision of the database that this checkout does not have."""
    made = project(OLD)
    known = {r.revision: r for r in begun(made).version().itertuples()}
    assert [known[id_].state for id_ in (HEAD, OLD, "7beb871f4454")] == [
        "pending",
        "applied, now",
        "applied",
    ]
    assert (known[OLD].edited, known[OLD].by) == ("unknown", known[HEAD].by)
    made.database.execute("update alembic_version set version_num = 'abcdefabcdef'")
    foreign = versions.read(looked.reach(settings.target("staging", made.folder)))
    assert list(foreign["state"]) == ["not in this checkout", *["unknown"] * 3]


def test_two_targets_are_compared_with_the_side_in_words(
    project: Callable[..., runs.Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal schemas are the same whoever owns them; a difference names the side it stands on."""
    made = project()
    assert "Compare: the same schema" in str(begun(made).compare("other"))
    made.database.execute("create table only_here (id int); drop index ix_terms_name")
    found = begun(made).compare("other")
    shown = str(found)
    assert "+ table public.only_here" in str(found.difference)
    assert "- index public.ix_terms_name" in str(found.difference)
    assert "+ stands in staging (database" in shown
    assert ", at f36a73221bb3 only. - stands in other (database" in shown
    back = begun(made, "other").compare("staging")
    assert "- table public.only_here" in str(back.difference)


def test_an_earlier_moment_is_compared_by_its_record(project: Callable[..., runs.Project]) -> None:
    """By id, folder or file; a secret in a comment, which no archive holds, is no difference."""
    made = project(OLD)
    made.database.execute("comment on table terms is 'see postgresql://me:hunter2@db/x'")
    earlier = begun(made)
    earlier.finish()
    folder = earlier.record.folder
    assert "hunter2" not in (folder / "catalog.json").read_text()
    now = begun(made)
    for name in (earlier.record.facts["id"], str(folder), str(folder / "catalog.json")):
        assert "Compare: the same schema" in str(now.compare(name)), name
    made.database.upgrade(HEAD)
    later = begun(made)
    found = later.compare(str(folder))
    assert "+ table public.webhooks" in str(found.difference)
    assert f", at {OLD}" in str(found.other)
    assert "as of 20" in str(found)


@pytest.mark.parametrize("wrong", ["prodution", "no/such/catalog.json", "deadbeef", ".."])
def test_compare_to_what_is_not_there_names_what_is(
    project: Callable[..., runs.Project], wrong: str
) -> None:
    """Nothing is read of another database; the targets and the ways to name a run are listed."""
    with pytest.raises(RunbookError) as stop:
        begun(project()).compare(wrong)
    assert wrong in stop.value.happened
    if wrong == "prodution":
        assert "Did you mean production?" in stop.value.happened
    assert "staging" in stop.value.next_step


def test_a_text_that_a_cell_passes_on_is_checked(project: Callable[..., runs.Project]) -> None:
    """A table's name may be anything that is one line of text."""
    run = begun(project())
    with pytest.raises(ParameterError):
        run.table("two\nlines")
    with pytest.raises(NoSuchTable):
        run.table("%s")
    assert str(run.table("terms").named) == "public.terms"


def test_the_notebook_runs_headlessly_on_hostile_names(
    project: Callable[..., runs.Project],
) -> None:
    """Frames arrive in the archive as escaped HTML, whole and without a secret."""
    made = project(OLD)
    made.database.execute(
        """
        create table "<script>alert(1)</script>" (id serial primary key);
        comment on table terms is 'see postgresql://me:hunter2@db/x & <b>bold</b>';
        comment on column terms.name is 'password=hunter2'
        """
    )
    made.database.execute("comment on column terms.domain is %s", PASSWORD)
    ended = made.run("inspect_schema", table="terms", fail_on_drift="true")
    assert ended.exit_code == 1
    assert ended.record["error"]["type"] == "Drifted"
    assert ended.folder is not None
    book = nbformat.read(ended.folder / "inspect_schema.ipynb", as_version=4)
    shown = {c.id: c.outputs for c in book.cells if c.cell_type == "code" and c.outputs}
    html = {
        id_: "".join(o.get("data", {}).get("text/html", "") for o in outs)
        for id_, outs in shown.items()
    }
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html["tables"]
    assert "dataframe" not in html["tables"]
    assert "&lt;b&gt;bold&lt;/b&gt;" in html["table"]
    for file in ended.folder.iterdir():
        assert "hunter2" not in file.read_text(), file.name
        assert PASSWORD not in file.read_text()
        assert html_escape(PASSWORD) not in file.read_text()
        assert file.suffix == ".html" or "<script>alert" not in json.dumps(html)
    page = (ended.folder / "inspect_schema.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
