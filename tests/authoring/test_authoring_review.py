"""The review of a revision: the guide's questions, with corrected code in its own names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authors import NOTES, TAGS, Author, authors
from servers import Database

from lexikon_runbook.authoring.remark import as_code
from lexikon_runbook.authoring.review import Answer, Review

PLAIN = """
import sqlalchemy as sa
from sqlalchemy import orm

class Base(orm.DeclarativeBase):
    pass
"""
BIG = "create table notes (id int primary key, body text not null); insert into notes select i, 'b'"
DROP_X = 'op.drop_column("notes", "x")'


@pytest.fixture
def author(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    """A project with `notes`, of which the target's database has some 200,000 rows."""
    with authors(database, tmp_path / "project", monkeypatch) as made:
        made.notes()
        yield made


@pytest.fixture
def large(author: Author) -> Author:
    author.database.execute(f"{BIG} from generate_series(1, 200000) i")
    author.database.execute("analyze notes")
    return author


def answer(found: Review, id_: str) -> Answer:
    return found.answer(id_)


def code(found: Review, id_: str) -> str:
    return "\n".join(remark.code for remark in found.answer(id_).remarks)


def test_a_good_revision_is_ok_in_every_row(author: Author) -> None:
    """A note says what autogenerate can't see; nothing else is left to look at."""
    author.models(NOTES, TAGS)
    run = author.write()
    found = run.review("")
    assert isinstance(found, Review)
    said = {a.question.id: a.word for a in found.answers}
    assert said.pop("unseen") == "note"
    assert set(said.values()) == {"ok"}, said
    assert len(said) == 12
    assert "adds table tags" in answer(found, "upgrade").evidence


def test_a_foreign_key_without_an_index_is_given_one(author: Author) -> None:
    """On a new table at once; ON DELETE is asked about."""
    found = author.review(
        'op.create_table("tags", sa.Column("note_id", sa.Integer(), sa.ForeignKey("notes.id", '
        'name="tags_note_fkey")))',
        'op.drop_table("tags")',
    )
    assert answer(found, "indexes").word == "look"
    assert 'op.create_index("ix_tags_note_id", "tags", ["note_id"])' in code(found, "indexes")
    assert answer(found, "foreign-keys").word == "note"
    assert 'ForeignKey("notes.id", ondelete="CASCADE")' in code(found, "foreign-keys")


def test_an_index_under_a_key_of_a_large_table_is_built_concurrently(large: Author) -> None:
    """In a revision of its own, outside of the transaction."""
    large.checkout.revision("aa02", "aa01", "create table tags (id int primary key);")
    found = large.review(
        'op.add_column("notes", sa.Column("tag_id", sa.Integer()))\n'
        'op.create_foreign_key("notes_tag_fkey", "notes", "tags", ["tag_id"], ["id"])',
        'op.drop_constraint("notes_tag_fkey", "notes")\nop.drop_column("notes", "tag_id")',
    )
    assert "autocommit_block():" in code(found, "indexes")
    assert "CREATE INDEX CONCURRENTLY ix_notes_tag_id ON notes (tag_id)" in code(found, "indexes")
    assert answer(found, "locks").word == "no"
    assert "NOT VALID" in code(found, "locks")
    assert "VALIDATE CONSTRAINT notes_tag_fkey" in code(found, "locks")
    assert "rows, by target here: notes 200,000" in str(found.evidence.sizes)


def test_a_constraint_without_a_name_can_t_be_dropped(author: Author) -> None:
    """As autogenerate writes it for models without a naming convention."""
    author.checkout.revision("aa02", "aa01", "create table tags (id int primary key);")
    column = "    tag_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey('tags.id'))\n"
    tags = (
        '\nclass T(Base):\n    __tablename__ = "tags"\n    id: orm.Mapped[int] = '
        "orm.mapped_column(primary_key=True)\n"
    )
    author.models(NOTES + column, tags, head=PLAIN)
    run = author.write("Give notes a tag")
    found = run.review("")
    assert isinstance(found, Review)
    assert "drops a constraint of notes without its name" in answer(found, "foreign-keys").evidence
    assert 'op.drop_constraint("notes_tag_id_fkey", "notes")' in code(found, "foreign-keys")
    assert not run.prove().holds


def test_types_of_both_sides_of_a_key_are_compared(author: Author) -> None:
    """PostgreSQL lets an int refer to a bigint; rows beyond it then can't be referred to."""
    found = author.review(
        "create table tags (note_id bigint references notes on delete cascade);",
        "drop table tags;",
    )
    assert "bigint refers to integer" in answer(found, "foreign-keys").evidence


def test_an_index_that_another_covers_is_named(author: Author) -> None:
    """The same columns, or the beginning of a longer one."""
    found = author.review(
        "create index one on notes (body); create index two on notes (body, id);",
        "drop index one, two;",
    )
    assert "one (body) is the beginning of two (body, id)" in answer(found, "indexes").evidence
    assert answer(found, "indexes").word == "note"
    same = author.review(
        "create index one on notes (body); create index two on notes (body);",
        "drop index one, two;",
    )
    assert "one is the same index as two" in answer(same, "indexes").evidence


def test_a_rename_taken_for_a_drop_and_an_add_is_a_danger(author: Author) -> None:
    """The classic loss: the corrected lines rename, both ways."""
    author.models(NOTES.replace("body:", "text:"))
    run = author.write("Rename body of notes to text")
    found = run.review("")
    assert isinstance(found, Review)
    assert answer(found, "renames").word == "no"
    assert 'op.alter_column("notes", "body", new_column_name="text")' in code(found, "renames")
    assert 'op.alter_column("notes", "text", new_column_name="body")' in code(found, "renames")


def test_a_rename_in_another_schema_is_named_once_and_its_lines_run(author: Author) -> None:
    """The table with its schema and its capital letters; the new column of a like name."""
    author.checkout.revision(
        "bb02",
        "aa01",
        'create schema shop; create table shop."My T" (id int, fullname text, no int);',
        "drop schema shop cascade;",
    )
    table = 'alter table shop."My T"'
    found = author.review(f"{table} drop fullname, add full_name text, add tier text;")
    lines = code(found, "renames").splitlines()
    assert lines == [
        "# in upgrade()",
        'op.alter_column("My T", "fullname", new_column_name="full_name", schema="shop")',
        "# in downgrade()",
        'op.alter_column("My T", "full_name", new_column_name="fullname", schema="shop")',
    ]
    assert author.prove(lines[1], lines[3]).failures == ()
    late = author.review(f'{table} alter no set not null; update shop."My T" set no = 1;')
    line = 'op.alter_column("My T", "no", nullable=False, schema="shop")'
    assert line in code(late, "rows")
    filled = f"op.execute('update shop.\"My T\" set no = 1')\n{line}"
    assert author.prove(filled, line.replace("False", "True")).failures == ()


def test_a_table_taken_for_another_is_a_danger(author: Author) -> None:
    """By its columns: half of them, and more than an id."""
    author.models(NOTES.replace('"notes"', '"remarks"'))
    run = author.write("Call notes remarks")
    found = run.review("")
    assert isinstance(found, Review)
    assert 'op.rename_table("notes", "remarks")' in code(found, "renames")


def test_a_table_that_goes_while_another_comes_is_no_rename(author: Author) -> None:
    """Their columns have nothing to do with each other."""
    other = author.review("drop table notes; create table x (id int);", "pass")
    assert answer(other, "renames").word == "ok"


def test_a_required_column_is_led_through_the_three_steps(large: Author) -> None:
    """Nullable, filled in batches outside of the transaction, then NOT NULL."""
    found = large.review("alter table notes add x int not null;", DROP_X)
    assert answer(found, "rows").word == "no"
    steps = code(found, "rows")
    assert "ALTER TABLE notes ADD COLUMN x int" in steps
    assert "SET x = ... WHERE ctid = ANY (ARRAY(SELECT ctid FROM notes WHERE x IS NULL" in steps
    assert 'op.alter_column("notes", "x", nullable=False)' in steps


def test_not_null_before_the_update_is_out_of_order(author: Author) -> None:
    """Rows that are there stop it."""
    found = author.review(
        "alter table notes add x int; alter table notes alter x set not null;"
        "update notes set x = 1;",
        DROP_X,
    )
    assert "notes.x becomes NOT NULL before it is filled" in answer(found, "rows").evidence


def test_an_update_in_the_transaction_that_locks_the_table_is_set_apart(large: Author) -> None:
    """The guide's own example does it; on a large table everybody waits for it."""
    found = large.review(
        "alter table notes add x text; update notes set x = 'default' where x is null;"
        "alter table notes alter x set not null;",
        DROP_X,
    )
    said = answer(found, "rows").evidence
    assert "ADD COLUMN locks notes (about 200,000 rows) against everybody until the UPDATE" in said
    assert "autocommit_block" in code(found, "rows")


def test_an_enum_that_add_column_does_not_create_is_named(author: Author) -> None:
    """Whether SQLAlchemy creates it or not, the revision must run, both ways."""
    found = author.review(
        "op.execute(\"ALTER TABLE notes ADD mood moodenum\")  # sa.Enum('good', name='moodenum')",
        'op.drop_column("notes", "mood")',
    )
    assert (
        "fails on a database without rows: ALTER TABLE notes ADD mood moodenum"
        in answer(found, "upgrade").evidence
    )
    assert 'name="moodenum").create(op.get_bind())' in code(found, "enums")


def test_an_enum_that_the_downgrade_leaves_is_named(author: Author) -> None:
    """By the rule of the plan, with the line."""
    found = author.review(
        "create type mood as enum ('good'); alter table notes add mood mood;",
        'op.drop_column("notes", "mood")',
    )
    assert answer(found, "enums").word == "look"
    assert 'op.execute("DROP TYPE mood")' in code(found, "enums")


def test_an_enum_that_another_table_has_is_not_created_again(author: Author) -> None:
    """As autogenerate writes it, it fails; the type is not to be dropped, but to be left alone."""
    mood = "create type mood as enum ('good'); alter table notes add mood mood;"
    author.checkout.revision("aa02", "aa01", mood, "pass")
    up = "op.create_table('tags', sa.Column('mood', {}('good', name='mood'{})))"
    back = 'op.drop_table("tags")'
    found = author.review(up.format("sa.Enum", ""), back)
    assert answer(found, "enums").word == "no"
    assert "creates type mood, which is there already" in answer(found, "enums").evidence
    assert 'postgresql.ENUM(..., name="mood", create_type=False)' in code(found, "enums")
    assert "DROP TYPE" not in str(found)
    own = "from sqlalchemy.dialects import postgresql\n"
    up = own + up.format("postgresql.ENUM", ", create_type=False")
    assert answer(author.review(up, back), "enums").word == "ok"
    assert author.prove(up, back, models="").holds


def test_what_the_downgrade_leaves_is_named_before_the_proof(author: Author) -> None:
    """By its SQL: an index, a function, a trigger, a column; what goes with its table is no gap."""
    found = author.review(
        "create index ix on notes (body); alter table notes add x int;"
        "create function f() returns trigger language plpgsql as 'begin return new; end';"
        "create trigger g before update on notes for each row execute function f();"
        "create table t (id int); create index iy on t (id);",
        "drop table t;",
    )
    assert answer(found, "downgrade").evidence.splitlines() == [
        "it leaves index ix",
        "it leaves column x",
        "it leaves function f",
        "it leaves trigger g",
    ]
    assert 'op.execute("ALTER TABLE notes DROP COLUMN x")' in code(found, "downgrade")
    assert 'op.execute("DROP TRIGGER g ON notes")' in code(found, "downgrade")


def test_a_missing_downgrade_is_said_once(author: Author) -> None:
    """`pass` is no inverse."""
    found = author.review("create table t ();", "pass")
    assert answer(found, "downgrade").evidence == "downgrade() does nothing"


def test_an_index_on_a_large_table_belongs_in_a_revision_of_its_own(large: Author) -> None:
    """CONCURRENTLY in an autocommit block; as such, alone in a revision, it is fine."""
    found = large.review("create index ix on notes (body);", "drop index ix;")
    assert answer(found, "locks").word == "no"
    better = code(found, "locks")
    assert better.startswith("with op.get_context().autocommit_block():")
    assert "create INDEX CONCURRENTLY ix on notes (body)" in better
    block = "with op.get_context().autocommit_block():\n    op.execute({!r})"
    good = large.review(
        block.format("CREATE INDEX CONCURRENTLY ix ON notes (body)"),
        block.format("DROP INDEX CONCURRENTLY ix"),
    )
    assert good.dangers == ()
    assert answer(good, "locks").word == "ok"


def test_what_is_lost_on_the_way_up_is_a_danger(large: Author) -> None:
    """A dropped column of a table with rows; what the downgrade drops is what it is for."""
    up = large.review(
        "alter table notes drop body;", "alter table notes add body text not null default '';"
    )
    assert answer(up, "loss").word == "no"
    down = large.review("alter table notes add x int;", DROP_X)
    assert answer(down, "loss").word == "ok"
    assert down.dangers == ()


def test_unrelated_tables_are_two_revisions(author: Author) -> None:
    """Related is what a foreign key joins; five new tables are many."""
    apart = author.review("create table a (); create table b ();", "drop table a, b;")
    assert "its tables are not related: a; b" in answer(apart, "one-change").evidence
    joined = author.review(
        "create table a (id int primary key); create table b (a int references a);",
        "drop table b, a;",
    )
    assert answer(joined, "one-change").word == "ok"
    many = author.review(
        "".join(f"create table t{n} (id int primary key references notes);" for n in range(5)),
        "drop table t0, t1, t2, t3, t4;",
    )
    assert "it creates 5 tables: t0, t1, t2, t3, t4" in answer(many, "one-change").evidence


def test_types_and_defaults_that_change_are_said(author: Author) -> None:
    """A default that the application may rely on, and a type that rewrites the table."""
    author.checkout.revision(
        "aa02", "aa01", "alter table notes add at timestamp default now() not null, add n int;"
    )
    found = author.review(
        "alter table notes alter at drop default; alter table notes alter n type bigint;",
        "alter table notes alter at set default now(), alter n type int;",
    )
    said = answer(found, "defaults").evidence
    assert "notes.at loses its default: an INSERT that leaves it out fails" in said
    assert "notes.n: integer -> bigint" in said


def test_a_poor_message_and_empty_docstrings_are_looked_at(author: Author) -> None:
    """Of a revision that was written by hand, too."""
    found = author.review("create table t ();", "drop table t;")
    assert answer(found, "message").word == "ok"
    file = author.checkout.versions / "cc01.py"
    file.write_text(
        file.read_text()
        .replace("Revision cc01", "Update schema")
        .replace("None:\n", 'None:\n    """SAY WHAT THIS CREATES OR CHANGES."""\n', 1)
    )
    run = author.run(revision="cc01")
    found = run.review("cc01")  # type: ignore[assignment]
    assert "it would fit any revision" in answer(found, "message").evidence
    assert 'message="Creates table t"' in code(found, "message")
    assert "its docstring is still to be written" in answer(found, "upgrade").evidence


def test_sql_that_is_known_only_when_it_runs_is_said(author: Author) -> None:
    """What it does is then read from the catalog alone."""
    found = author.review(
        'if op.get_bind().scalar(sa.text("select 1")):\n    op.execute("create table t ()")',
        'op.execute("drop table t")',
    )
    assert "is known only when it runs" in answer(found, "upgrade").evidence
    assert answer(found, "upgrade").word == "no"


def test_an_edited_file_is_read_again(author: Author) -> None:
    """The cell is run once more after the file was saved."""
    author.checkout.revision("cc01", "aa01", "create table t ();", "pass")
    run = author.run(revision="cc01")
    assert "downgrade() does nothing" in str(run.review("cc01"))
    author.checkout.revision("cc01", "aa01", "create table t ();", "drop table t;")
    assert "downgrade() does nothing" not in str(run.review("cc01"))
    assert run.prove().holds


def test_a_remedy_becomes_lines_of_a_revision() -> None:
    """SQL in op.execute(), words as comments, Python as it is."""
    assert as_code(
        "Add it nullable:\nALTER TABLE t ADD COLUMN c int;\nand in the next revision:"
    ) == (
        '# Add it nullable:\nop.execute("ALTER TABLE t ADD COLUMN c int")\n'
        "# and in the next revision:"
    )
