"""The proof of a revision: what a downgrade leaves behind, and everything else that goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from authors import NOTES, TAGS, Author, authors, with_metadata
from projects import HISTORIES
from servers import Database

from lexikon_runbook.authoring import proof, undoing
from lexikon_runbook.authoring.base import built
from lexikon_runbook.postgres import catalog
from lexikon_runbook.postgres.catalog import Catalog
from lexikon_runbook.project.project import Project

# By what pytest-alembic's round trip let through, and pg_dump showed.
LEFT = {
    "bb01": ("function", "public.count_notes()", "DROP FUNCTION public.count_notes()"),
    "bb02": ("view", "public.all_notes", "DROP VIEW public.all_notes"),
    "bb03": ("sequence", "public.pages", "DROP SEQUENCE public.pages"),
    "bb04": ("enum", "public.mood", "DROP TYPE public.mood"),
    "bb05": ("policy", "public.notes.readers", "DROP POLICY readers ON public.notes"),
    "bb06": (
        "grant",
        "table public.notes TO PUBLIC",
        "REVOKE SELECT ON TABLE public.notes FROM PUBLIC",
    ),
    "bb07": ("table", "public.notes", "ALTER TABLE public.notes RESET (fillfactor)"),
}


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    with authors(database, tmp_path / "project", monkeypatch) as made:
        made.notes()
        yield made


def of_history(author: Author, name: str) -> Author:
    """The same author at one of the projects of tests/histories."""
    folder = author.checkout.folder / "histories"
    shutil.copytree(HISTORIES, folder, dirs_exist_ok=True)
    author.target = replace(author.target, project=folder / name)
    return author


@pytest.mark.parametrize("revision", LEFT)
def test_what_a_downgrade_leaves_is_named_with_the_line_it_lacks(
    author: Author, revision: str
) -> None:
    """Each of the seven kinds that a comparison of SQLAlchemy's metadata lets through."""
    target = of_history(author, "left_behind").target
    found = Project(target).history
    one = found.revision(revision)
    with built(target, found, one, reviewed=True) as (_, base):
        made = proof.prove(base, found, one, "", unlooked="no models")
    kind, name, line = LEFT[revision]
    assert made.left is not None
    assert (kind, name) in [(c.kind, c.name) for c in (*made.left.added, *made.left.changed)]
    assert undoing.lines(made.left) == (f'op.execute("{line}")',)
    assert not made.holds
    assert line in str(made)


def test_the_line_that_is_given_is_enough(author: Author) -> None:
    """With it at the end of downgrade(), the proof holds; for all seven at once."""
    up = [sql for sql in (author_sql(r) for r in sorted(LEFT)) if sql]
    down_order = sorted(LEFT, reverse=True)
    lines = "\n".join(f'op.execute("{LEFT[r][2]}")' for r in down_order if r != "bb04")
    down = f'op.drop_column("notes", "mood")\n{lines}\nop.execute("{LEFT["bb04"][2]}")'
    made = author.prove("\n".join(up), down, models="")
    assert made.holds, str(made)


def author_sql(revision: str) -> str:
    """The lines of upgrade() of that revision of the history."""
    (file,) = (HISTORIES / "left_behind" / "versions").glob(f"{revision}_*.py")
    body = file.read_text().partition("def upgrade() -> None:\n")[2]
    return body.partition("\n\n\n")[0].replace("    op.", "op.")


def test_an_enum_left_behind_also_fails_the_second_upgrade(author: Author) -> None:
    """Both are said: what is left, and that it stops the way up (42710)."""
    made = author.prove(
        "op.execute(\"CREATE TYPE mood AS ENUM ('good')\")\n"
        'op.execute("ALTER TABLE notes ADD mood mood")',
        'op.drop_column("notes", "mood")',
        models="",
    )
    assert made.failures[0].startswith("up again: CREATE TYPE mood AS ENUM ('good') - type")
    assert "(42710)" in made.failures[0]
    assert made.failures[1] == "down does not undo up: it leaves enum mood"
    assert made.second is None


def test_an_upgrade_that_fails_is_told_by_its_first_failing_statement(author: Author) -> None:
    """Also where the revision swallowed that error; nothing further is run."""
    made = author.prove('op.execute("ALTER TABLE nots ADD x int")', "pass", models="")
    assert made.failures == (
        'up: ALTER TABLE nots ADD x int - relation "nots" does not exist (42P01)',
    )
    assert [way.name for way in made.ways] == ["up"]
    assert "Down undoes up  not reached" in str(made)


def test_a_column_that_comes_back_at_the_end_is_told_and_no_failure(author: Author) -> None:
    """No ALTER TABLE puts it where it was; a table that is made anew can have it there."""
    author.checkout.revision("aa02", "aa01", "alter table notes add early int, add late int;")
    made = author.prove(
        'op.drop_column("notes", "early")',
        'op.add_column("notes", sa.Column("early", sa.Integer()))',
        models="",
    )
    assert made.holds, str(made)
    assert made.moved == ("public.notes",)
    assert "another one in public.notes" in str(made)
    anew = author.prove(
        'op.execute("DROP TABLE notes")',
        'op.execute("CREATE TABLE notes (late int, early int, body varchar NOT NULL, "'
        '"id serial PRIMARY KEY)")',
        models="",
    )
    assert not anew.moved
    assert "columns notes" in "".join(anew.failures)


def test_a_downgrade_that_fails_is_told(author: Author) -> None:
    """By the statement, or by what Python raised."""
    made = author.prove(
        'op.create_index("ix_body", "notes", ["body"])', 'op.drop_index("ix_bdy")', models=""
    )
    assert made.failures == ('down: DROP INDEX ix_bdy - index "ix_bdy" does not exist (42704)',)
    raised = author.prove('op.execute("SELECT 1")', "raise ValueError('one way')", models="")
    assert "cc01.py" in raised.failures[0]
    assert "ValueError: one way" in raised.failures[0]


def test_a_required_column_fails_with_rows_only(author: Author) -> None:
    """On empty tables all is well: a row in the table shows what a deploy would meet."""
    made = author.prove(
        'op.add_column("notes", sa.Column("rank", sa.Integer(), nullable=False))',
        'op.drop_column("notes", "rank")',
        models="",
    )
    assert [way.name for way in made.ways if not way.failed] == ["up", "down", "up again"]
    assert made.failures[0].startswith("up, with rows: ALTER TABLE notes ADD COLUMN rank")
    assert "(23502)" in made.failures[0]


def test_a_downgrade_that_needs_values_fails_with_rows(author: Author) -> None:
    """As autogenerate writes it: a required column that was dropped is added without a default."""
    made = author.prove(
        'op.drop_column("notes", "body")',
        'op.add_column("notes", sa.Column("body", sa.String(), nullable=False))',
        models="",
    )
    assert made.failures[0].startswith("down, with rows: ALTER TABLE notes ADD COLUMN body")


def test_a_row_needs_the_rows_that_it_refers_to(author: Author) -> None:
    """Parents come first; a table whose row can't be made up is named with the reason."""
    author.checkout.revision(
        "aa02",
        "aa01",
        "create table a (id uuid primary key, kind text check (kind = 'never') not null);",
    )
    author.checkout.revision(
        "aa03",
        "aa02",
        "create type mood as enum ('good'); create domain short as varchar(3) not null;"
        "create table b (id int primary key, note_id int not null references notes, mood mood"
        " not null, at timestamptz not null, day date not null, data jsonb not null, raw bytea"
        " not null, tags text[] not null, ok bool not null, name short, span int4range not null);",
    )
    made = author.prove(
        'op.execute("ALTER TABLE a ADD x int")\nop.execute("ALTER TABLE b ADD x int")',
        'op.execute("ALTER TABLE a DROP x")\nop.execute("ALTER TABLE b DROP x")',
        models="",
    )
    assert made.holds, str(made)
    assert made.filled.tables == ("public.b",)
    assert list(made.filled.without) == ["public.a"]
    assert "violates check constraint" in made.filled.without["public.a"]


def test_a_data_migration_meets_a_row(author: Author) -> None:
    """Rows of a table whose schema it does not change, too."""
    made = author.prove(
        'op.execute("UPDATE notes SET id = id / 0")', 'op.execute("SELECT 1")', models=""
    )
    assert made.failures == (
        "up, with rows: UPDATE notes SET id = id / 0 - division by zero (22012)",
    )


def test_concurrently_in_an_autocommit_block_is_proved(author: Author) -> None:
    """Outside of the revision's transaction, both ways."""
    block = "with op.get_context().autocommit_block():\n    op.execute({!r})"
    made = author.prove(
        block.format("CREATE INDEX CONCURRENTLY ix_notes_body ON notes (body)"),
        block.format("DROP INDEX CONCURRENTLY ix_notes_body"),
        models="",
    )
    assert made.holds, str(made)


@pytest.mark.parametrize(
    ("name", "revision"), [("dependency", "dd02"), ("branches", "bb03"), ("branches", "bb04")]
)
def test_revisions_on_branches_are_proved_above_what_they_need(
    author: Author, name: str, revision: str
) -> None:
    """One that depends on another branch, a merge, and what follows the merge."""
    run = of_history(author, name).run(revision=revision, models="")
    found = Project(author.target).history.revision(revision)
    assert run.base().at == found.needs
    assert run.prove().holds


def test_the_models_must_be_what_a_written_file_makes(author: Author) -> None:
    """A file that somebody shortened lacks what the models want, by name."""
    author.models(NOTES, TAGS)
    run = author.write()
    (name,) = author.files - {"aa01.py"}
    file = author.checkout.versions / name
    text = file.read_text()
    file.write_text("\n".join(line for line in text.splitlines() if "_index(" not in line))
    made = run.prove()
    assert made.failures == ("the models still want: create index ix_tags_note_id",)


def test_a_step_of_several_may_leave_models_that_want_more(author: Author) -> None:
    """The safe order takes several revisions: for one written by hand that is no failure."""
    author.models(NOTES + "    rank: orm.Mapped[int]\n")
    made = author.prove(
        'op.add_column("notes", sa.Column("rank", sa.Integer()))', 'op.drop_column("notes", "rank")'
    )
    assert made.holds
    assert "no, they still want: alter column notes.rank" in str(made)


def test_an_env_py_without_models_is_proved_without_them(author: Author) -> None:
    """The catalogs are compared all the same, and the card says what was not."""
    up, back = "create table x ();", "drop table x;"
    made = author.prove(up, back, models="")
    assert made.holds
    assert "not compared: env.py gives no target_metadata" in " ".join(str(made).split())


def test_a_schema_that_env_py_makes_is_no_leftover(author: Author) -> None:
    """The first revision is proved above what env.py itself does on an empty database."""
    env_py = author.checkout.folder / "migrations" / "env.py"
    first = ".connect() as connection:\n        "
    made = "connection.exec_driver_sql('create schema if not exists shelf')\n        "
    env_py.write_text(
        env_py.read_text().replace(first, f"{first}{made}connection.commit()\n        ")
    )
    assert "create schema" in env_py.read_text()
    run = author.run(revision="aa01", models="")
    assert run.prove().holds


BEFORE = """
create table t (id int primary key, a varchar(9) default 'x' not null, b int);
create index ix on t (a); create view v as select a from t;
create function f(int) returns int language sql as 'select 1';
create type e as enum ('one'); grant select, insert on t to public; comment on table t is 'T';
create trigger g before update on t
  for each row execute function suppress_redundant_updates_trigger();
alter table t add constraint c check (b > 0), add constraint k unique (b);
create sequence s; create domain d as int; grant select (a) on t to public
"""
AFTER = """
drop view v; drop index ix; drop function f(int); drop type e; drop trigger g on t;
alter table t alter a type text, alter a drop default, alter a drop not null, drop constraint c,
  drop constraint k, set (fillfactor = 50), enable row level security;
revoke insert on t from public; comment on table t is 'U';
create materialized view m as select 1; create table n (id serial); create policy p on n;
create domain d2 as int; create index i2 on t (b); alter table t add z int, add check (z > 1);
create schema q; create table q.u (id int); create type q.e as enum ('x');
revoke select (a) on t from public
"""


def test_the_lines_lead_back_whatever_was_left_lost_or_changed(database: Database) -> None:
    """Run one after the other on what is there, they give the catalog of before."""
    database.execute(BEFORE)
    before = schema(database)
    database.execute(AFTER)
    lines = undoing.lines(catalog.difference(before, schema(database)))
    unsaid = [line for line in lines if line.startswith("#")]
    assert unsaid == ["# put back comment table public.t: U"] or all("comment" in u for u in unsaid)
    for line in lines:
        if not line.startswith("#"):
            database.execute(eval(line.removeprefix("op.execute").strip("()")))
    left = catalog.difference(before, schema(database))
    assert {(c.kind, c.name) for c in (*left.added, *left.removed, *left.changed)} <= {
        ("comment", "table public.t")
    }, left


def schema(database: Database) -> Catalog:
    with closing(database.connect()) as connection:
        return catalog.read(connection)


def test_env_py_s_own_models_are_compared_after_the_proof(author: Author) -> None:
    """Without a parameter, as `alembic check` would."""
    author.models(NOTES, TAGS)
    (author.checkout.folder / "migrations" / "env.py").write_text(with_metadata())
    run = author.write(models="")
    assert "Models match    yes" in str(run.prove())
