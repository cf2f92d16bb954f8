"""The SQL of a plan, as Alembic's offline mode renders it, and what it can't know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from projects import Project, projects
from servers import Database

from lexikon_runbook.errors import UnknownRevision

Maker = Callable[..., Project]


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


def sql(project: Project, revision: str = "head") -> dict[str, list[str] | None]:
    """The plan's statements by revision; None where they are not known."""
    return {
        step.revision.id: [s.text for s in step.statements] if step.known else None
        for step in project.plan(revision).steps
    }


def test_the_sql_of_every_revision_is_known_beforehand(project: Maker) -> None:
    """Without Alembic's own statements for the version table."""
    found = sql(project("plain"))
    assert list(found) == ["aa01", "aa02", "aa03", "aa04"]
    assert found["aa03"] == ["CREATE INDEX ix_notes_author ON notes (author)"]
    assert (found["aa04"] or [])[1:] == ["INSERT INTO tags VALUES ('new')"]


def test_the_sql_of_a_rollback_is_known_beforehand(project: Maker) -> None:
    """The downgrades, newest first."""
    plain = project("plain")
    plain.deploy()
    steps = plain.plan("aa02", "downgrade").steps
    assert [[s.text for s in step.statements] for step in steps] == [
        ["DROP TABLE tags"],
        ["DROP INDEX ix_notes_author"],
    ]


def test_a_revision_that_asks_the_database_hides_only_its_own_sql(project: Maker) -> None:
    """What comes before and after it is shown."""
    asking = project("asks_the_database")
    versions = asking.folder / "versions"
    text = next(versions.glob("cc01*")).read_text()
    after = text.replace('"cc01"', '"cc02"').replace('"aa01"', '"cc01"')
    after = after.replace('op.get_bind().scalar(sa.text("SELECT count(*) FROM notes"))', "1")
    (versions / "cc02_after.py").write_text(after.replace("colour", "size"))
    found = sql(asking)
    assert found["cc01"] is None
    assert found["aa01"]
    assert found["cc02"] == ["ALTER TABLE notes ADD COLUMN size TEXT"]


def test_sql_that_is_not_known_is_a_finding_and_runs_nevertheless(project: Maker) -> None:
    """The plan says so, with the revision's name."""
    asking = project("asks_the_database")
    asking.deploy("aa01")
    shown = asking.plan()
    assert shown.steps[0].summary.startswith("its SQL is known only when it runs (")
    assert [f.revision for f in shown.findings if f.rule.id == "sql-unknown"] == ["cc01"]
    assert asking.columns("notes") == "id body"


GIVES = """
    notes = sa.table("notes", sa.column("id", sa.Integer), sa.column("body", sa.Text))
    bind = op.get_bind()
    op.execute(sa.text("UPDATE notes SET body = :b WHERE id = :i").bindparams(b="O'Brien", i=1))
    bind.execute(sa.text("UPDATE notes SET body = :b WHERE id = :i"), {"b": "two", "i": 2})
    rows = [{"i": 3, "b": ":b"}, {"i": 4, "b": None}]
    bind.execute(sa.text("INSERT INTO notes VALUES (:i, :b)"), rows)
    bind.execute(notes.insert(), [{"id": 5, "body": "50%"}])
    changed = notes.update().where(notes.c.id == sa.bindparam("of"))
    bind.execute(changed, {"of": 6, "body": "six"})
"""
GIVEN = [
    "UPDATE notes SET body = 'O''Brien' WHERE id = 1",
    "UPDATE notes SET body = 'two' WHERE id = 2",
    "INSERT INTO notes VALUES (3, ':b')",
    "INSERT INTO notes VALUES (4, NULL)",
    "INSERT INTO notes (id, body) VALUES (5, '50%')",
    "UPDATE notes SET body='six' WHERE notes.id = 6",
]


def test_the_values_that_are_sent_are_those_that_are_shown(project: Maker) -> None:
    """Given to op.execute() or to a connection, one by one or many; and the run sends them."""
    asking = project("asks_the_database")
    giving(asking, GIVES)
    asking.deploy("aa01")
    asking.database.execute("alter table notes alter column body drop not null")
    assert sql(asking) == {"cc01": GIVEN}
    asking.deploy()
    rows = asking.database.rows("select id, body from notes order by id")
    assert rows == [(3, ":b"), (4, None), (5, "50%")]


def test_a_value_that_is_missing_is_told_before_anything_runs(project: Maker) -> None:
    """A colon in JSON is a parameter to SQLAlchemy; plain Alembic fails at it, in the middle."""
    asking = project("asks_the_database")
    giving(
        asking,
        """
    op.execute("INSERT INTO notes VALUES (1, '{\\"a\\":true}')")
""",
    )
    with pytest.raises(UnknownRevision, match="A value is required for bind parameter 'true'"):
        asking.plan()


def giving(project: Project, body: str) -> None:
    """Let the last revision's upgrade be these lines."""
    file = next((project.folder / "versions").glob("cc01*"))
    head, _, rest = file.read_text().partition("def upgrade() -> None:\n")
    down = rest[rest.index("def downgrade") :]
    file.write_text(f"{head}def upgrade() -> None:{body}\n\n{down}")


def test_an_env_py_without_an_offline_mode_is_rendered_without_it(project: Maker) -> None:
    """Alembic renders the revisions in a context of its own, and the run is as ever."""
    wild = project("no_offline_mode")
    shown = wild.plan()
    assert [step.known for step in shown.steps] == [True] * 4
    assert wild.apply(shown).current == "aa04"


def test_a_merge_and_a_dependency_are_rendered_whole(project: Maker) -> None:
    """No branch is left out, and the merge does nothing itself."""
    found = sql(project("branches"))
    assert found["bb03"] == []
    assert sorted(found) == ["aa01", "bb01", "bb02", "bb03", "bb04"]
    assert None not in found.values()
    assert None not in sql(project("dependency")).values()


def test_an_env_py_that_connects_in_its_offline_mode_reaches_nothing(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a plan is made, the worker that renders has no way to any database."""
    wild = project("no_offline_mode")
    other = wild.database.server.create()
    monkeypatch.setenv("MYAPP_DSN", other.url.replace("postgresql:", "postgresql+psycopg2:"))
    env_py = wild.folder / "env.py"
    env_py.write_text(
        env_py.read_text().replace(
            'raise SystemExit("offline mode is not supported")',
            "import os, sqlalchemy as sa\n    engine = sa.create_engine(os.environ['MYAPP_DSN'])\n"
            "    with engine.begin() as c:\n        c.exec_driver_sql('create table reached ()')",
        )
    )
    assert [step.known for step in wild.plan().steps] == [True] * 4
    assert other.rows("select count(*) from pg_class where relname = 'reached'") == [(0,)]
    other.drop()


def test_planning_writes_nothing(project: Maker) -> None:
    """Not even the version table."""
    plain = project("plain")
    before = plain.database.dump()
    plain.plan()
    assert plain.database.dump() == before
