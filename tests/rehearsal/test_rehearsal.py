"""Plans that are rehearsed: what is shown was sent on a shadow, and what is sent was shown."""

from __future__ import annotations

from pathlib import Path

import checkouts
import pytest
from checkouts import Checkout
from servers import Database

from lexikon_runbook.apply import migrate
from lexikon_runbook.apply.outcome import Outcome
from lexikon_runbook.errors import ApprovalNeeded, HistoryError, NotShown, PlanChanged
from lexikon_runbook.plan import making
from lexikon_runbook.plan.plan import Plan
from lexikon_runbook.plan.policy import Policy
from lexikon_runbook.project import preflight
from lexikon_runbook.project.database import Database as Looked
from lexikon_runbook.project.history import Direction
from lexikon_runbook.runbooks import approval
from lexikon_runbook.targets import settings

POLICY = Policy(lock_timeout_s=1.0, statement_timeout_s=20.0, lock_attempts=2)
START = """
create table users (id int primary key, email text, role text, age int, note varchar(50));
create table posts (id int primary key, author int references users on delete cascade, body text);
create table alembic_version (version_num varchar(32) primary key);
insert into alembic_version values ('aaaa0001');
insert into users
select n, 'u' || n || '@example.org', 'reader', n, 'x' from generate_series(1, 50) n;
insert into posts select n, n, 'text' from generate_series(1, 50) n;
"""


class Silent:
    """A run's words, which nobody reads here."""

    def lasting(self, line: str) -> None:
        """Say a line that stays."""

    def passing(self, line: str) -> None:
        """Say a line that the next one replaces."""

    def applied(self, line: str, facts: object) -> None:
        """Say that a revision is applied."""


class Site:
    """A checkout whose database holds rows, at its first revision."""

    def __init__(self, checkout: Checkout, database: Database) -> None:
        self.checkout, self.database = checkout, database
        checkout.revision("aaaa0001", None)
        database.execute(START)

    def revision(self, up: str, back: str = "pass") -> None:
        """Write the revision that is pending."""
        self.checkout.revision("bbbb0002", "aaaa0001", up, back)

    def looked(self, direction: Direction = "upgrade") -> Looked:
        """Preflight."""
        return preflight.check(settings.target("here", self.checkout.folder), direction)

    def plan(self, direction: Direction = "upgrade", revision: str = "head") -> Plan:
        """The plan, rehearsed."""
        return making.make(self.looked(direction), direction, revision, 1.0)

    def apply(self, shown: Plan) -> Outcome:
        """Run a plan that was shown."""
        return migrate.apply(shown, self.looked(shown.direction), POLICY, Silent())

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a query returns."""
        return self.database.rows(sql)

    @property
    def state(self) -> list[tuple[object, ...]]:
        """All that a revision of these tests could change."""
        return [
            *self.rows("select version_num from alembic_version"),
            *self.rows("select * from users order by id"),
            *self.rows("select * from posts order by id"),
        ]


@pytest.fixture
def site(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("HERE_URL", database.url)
    return Site(checkouts.checkout(tmp_path), database)


def dangers(shown: Plan, rule: str) -> list[str]:
    """What the findings of that rule say."""
    return [f.detail for f in shown.findings if f.rule.id == rule]


# What is shown was sent.


def test_what_a_revision_does_to_what_is_there_is_seen_on_a_shadow(site: Site) -> None:
    """Locks that no text names, also those of a DO block, and no rows of the database itself."""
    site.revision(
        'op.execute("ALTER TABLE posts ADD COLUMN editor int REFERENCES users")\n'
        'op.execute("DO $$ BEGIN ALTER TABLE users ALTER COLUMN age TYPE bigint; END $$")'
    )
    before = site.state
    shown = site.plan()
    (step,) = shown.steps
    assert step.locks == "ACCESS EXCLUSIVE on posts, users"
    assert "on a shadow without rows" in str(shown)
    assert site.state == before
    site.apply(shown)
    assert site.rows("select version_num from alembic_version") == [("bbbb0002",)]


def test_values_that_are_sent_are_shown(site: Site) -> None:
    """Not the placeholder, and not NULL."""
    site.revision(
        "op.get_bind().execute(sa.text('UPDATE users SET role = :r WHERE id = :i'), "
        "{'r': \"it's\", 'i': 7})"
    )
    shown = site.plan()
    assert "UPDATE users SET role = 'it''s' WHERE id = 7" in str(shown)
    site.apply(shown)
    assert site.rows("select role from users where id = 7") == [("it's",)]


def test_a_revision_that_asks_the_catalog_is_known(site: Site) -> None:
    """An idempotent downgrade showed no SQL and needed no approval, and dropped the column."""
    idempotent = (
        "names = [c['name'] for c in sa.inspect(op.get_bind()).get_columns('users')]\n"
        "if 'role' in names:\n    op.drop_column('users', 'role')"
    )
    site.revision(idempotent)
    shown = site.plan()
    assert shown.steps[0].known
    assert "ALTER TABLE users DROP COLUMN role" in str(shown)
    assert shown.needs_approval
    assert [str(risk).partition(" (")[0] for risk in shown.at_risk] == [
        "column users.role: 50 rows"
    ]
    site.apply(shown)
    assert len(site.rows("select * from users limit 1")[0]) == 4


def test_a_helper_in_the_project_that_asks_for_offline_mode_can_not_hide(site: Site) -> None:
    """What a project renders offline and what it sends were two things."""
    (site.checkout.folder / "migrations" / "helper.py").write_text(
        "from alembic import context, op\n"
        "def work():\n"
        "    if not context.is_offline_mode():\n"
        "        op.execute('DELETE FROM posts WHERE id > 10')\n"
    )
    site.revision(
        "import importlib.util, pathlib\n"
        "path = pathlib.Path(__file__).parent.parent / 'helper.py'\n"
        "spec = importlib.util.spec_from_file_location('helper', path)\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "module.work()"
    )
    shown = site.plan()
    assert "DELETE FROM posts WHERE id > 10" in str(shown)
    assert shown.needs_approval


def test_what_varies_is_compared_by_its_shape(site: Site) -> None:
    """A random id, the time: the plan has one digest, and deploys."""
    site.revision(
        "import uuid, datetime\n"
        "op.execute(f\"UPDATE users SET note = '{uuid.uuid4()}' WHERE id = 1\")\n"
        "op.execute(f\"UPDATE users SET email = '{datetime.datetime.now()}' WHERE id = 2\")"
    )
    shown = site.plan()
    assert len(dangers(shown, "statement-varies")) == 2
    assert site.plan().digest == shown.digest
    site.apply(shown)
    assert len(str(site.rows("select note from users where id = 1")[0][0])) == 36


def test_indexes_of_a_set_deploy_in_any_order(site: Site) -> None:
    """SQLAlchemy has a table's indexes as a set."""
    site.revision(
        "op.create_table('t', *[sa.Column(f'c{n}', sa.Integer, index=True) for n in range(6)])"
    )
    shown = site.plan()
    assert site.plan().digest == shown.digest
    site.apply(shown)
    assert site.rows("select count(*) from pg_indexes where tablename = 't'") == [(6,)]


def test_a_loop_over_rows_is_shown_by_one_example_and_needs_approval(site: Site) -> None:
    """Once a row: as many as there are, of that shape."""
    site.revision(
        "for row in op.get_bind().execute(sa.text('SELECT id FROM users')).fetchall():\n"
        "    op.execute(f\"UPDATE users SET note = 'n{row.id}' WHERE id = {row.id}\")"
    )
    shown = site.plan()
    assert dangers(shown, "depends-on-rows")
    assert shown.needs_approval
    site.apply(shown)
    assert site.rows("select count(*) from users where note = 'n' || id") == [(50,)]


# What is sent was shown.

SENDS_MORE = {
    "by a count of rows": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n > 10:\n    op.execute('DELETE FROM posts')"
    ),
    "by a value in a row": (
        "row = op.get_bind().execute(sa.text('SELECT email FROM users WHERE id = 7')).first()\n"
        "if row and '@' in row[0]:\n    op.execute('UPDATE users SET role = NULL')"
    ),
    "another table in the text": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "op.execute('DELETE FROM ' + ('posts' if n > 1 else 'users') + ' WHERE id = 3')"
    ),
    "other values in a loop": (
        "for row in op.get_bind().execute(sa.text('SELECT id FROM users WHERE id > 40')):\n"
        "    op.execute(f'DELETE FROM posts WHERE author = {row.id}')"
    ),
    "the name of the database": (
        "name = op.get_bind().execute(sa.text('SELECT current_database()')).scalar()\n"
        "if not name.startswith('throwaway'):\n    op.execute('DELETE FROM posts')"
    ),
    "sizes": (
        "size = op.get_bind().execute(sa.text(\"SELECT pg_relation_size('users')\")).scalar()\n"
        "last = op.get_bind().execute(sa.text('SELECT max(id) FROM users')).scalar()\n"
        "if size > 0 and last > 2:\n"
        "    op.execute('DELETE FROM posts')"
    ),
    "a DO block that looks": (
        "op.execute('''DO $$ BEGIN IF (SELECT count(*) FROM users) > 10 THEN "
        "DELETE FROM posts; END IF; END $$''')"
    ),
    "dynamic SQL in a DO block": (
        "op.execute('''DO $$ DECLARE t text; BEGIN SELECT CASE WHEN count(*) > 10 THEN 'posts' END "
        "INTO t FROM users; IF t IS NOT NULL THEN EXECUTE 'DELETE FROM ' || t; END IF; END $$''')"
    ),
    "a function that writes, in a SELECT": (
        "op.execute('''CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS "
        "$$ WITH d AS (DELETE FROM posts RETURNING 1) SELECT count(*)::int FROM d $$''')\n"
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n > 10:\n    op.get_bind().execute(sa.text('SELECT gone()'))"
    ),
    "a cursor of the driver's": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n > 10:\n    op.get_bind().connection.cursor().execute('DELETE FROM posts')"
    ),
    "a WITH that deletes": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n > 10:\n    op.execute('WITH d AS (DELETE FROM posts RETURNING 1) SELECT 1 FROM d')"
    ),
    "less than was shown": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n < 10:\n    op.execute(\"UPDATE users SET role = 'x'\")"
    ),
    "a lock that was not shown": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n > 10:\n    op.execute('LOCK TABLE posts IN ACCESS EXCLUSIVE MODE')"
    ),
    "a DROP by the number of rows": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "if n > 10:\n    op.drop_column('users', 'note')"
    ),
    "executemany": (
        "n = op.get_bind().execute(sa.text('SELECT count(*) FROM users')).scalar()\n"
        "op.get_bind().execute(sa.text('UPDATE users SET role = :r WHERE id = :i'), "
        "[{'r': 'a', 'i': 1}] + [{'r': 'b', 'i': 2}] * (n > 10))"
    ),
}


@pytest.mark.parametrize("up", SENDS_MORE.values(), ids=SENDS_MORE)
def test_what_was_not_shown_does_not_run(site: Site, up: str) -> None:
    """It stops before COMMIT, says both, and nothing is other than it was."""
    site.revision(up)
    before, shown = site.state, site.plan()
    assert shown.rehearsed.done is not None, shown.rehearsed
    with pytest.raises(NotShown) as stop:
        site.apply(shown)
    assert site.state == before
    assert "bbbb0002" in stop.value.happened
    assert "the database is at aaaa0001" in stop.value.state


@pytest.mark.parametrize("name", ["variable", "file"])
def test_what_came_into_the_surroundings_later_does_not_run(
    site: Site, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable, a file: what was rehearsed was other."""
    flag = tmp_path / "flag"
    there = {
        "variable": "__import__('os').environ.get('MYAPP_FLAG')",
        "file": f"__import__('os').path.exists({str(flag)!r})",
    }[name]
    site.revision(f"if {there}:\n    op.execute('DELETE FROM posts')")
    before, shown = site.state, site.plan()
    monkeypatch.setenv("MYAPP_FLAG", "1")
    flag.write_text("")
    with pytest.raises(NotShown):
        site.apply(shown)
    assert site.state == before


OWN = {
    "of the driver": (
        "import os, psycopg2\nown = psycopg2.connect(os.environ['HERE_URL'])\n"
        "own.cursor().execute('DELETE FROM posts')\nown.commit()\nown.close()",
        "truncate of posts",
    ),
    "of an engine": (
        "import os\nengine = sa.create_engine(os.environ['HERE_URL'])\n"
        "with engine.begin() as own:\n    own.execute(sa.text('DELETE FROM posts'))\n"
        "engine.dispose()",
        "delete from posts",
    ),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_connection_of_its_own_leads_to_the_shadow_and_needs_approval(
    site: Site, kind: str
) -> None:
    """A plan once deleted the rows of the database itself; what it would delete is counted."""
    up, lost = OWN[kind]
    site.revision(up)
    before, shown = site.state, site.plan()
    assert site.state == before
    assert str(shown.at_risk[0]).startswith(f"{lost}: 50 rows")
    assert shown.needs_approval
    said = dangers(shown, "reaches-outside")
    assert ["led to a shadow" in each for each in said] == [True] * (kind == "of the driver")


# What will go wrong is foretold.

FAILS = {
    "NULL under NOT NULL": ("update users set age = null where id = 3", "23502", "1 row of"),
    "duplicates": ("update users set email = 'same' where id < 4", "23505", "3 rows of"),
    "orphans": (
        "alter table posts drop constraint posts_author_fkey;"
        " update posts set author = 999 where id = 1",
        "23503",
        "1 row of",
    ),
    "a CHECK": ("update users set age = -1 where id < 3", "23514", "2 rows of"),
    "longer text": ("update users set note = repeat('y', 30) where id = 5", "22001", "1 row of"),
    "a number in text": ("update users set note = 'no number' where id = 5", "22P02", "1 row of"),
    "a view in the way": ("create view v as select note from users", "0A000", "fails on a shadow"),
    "there already": ("alter table users add column extra int", "42701", "fails on a shadow"),
}
ASKS = {
    "NULL under NOT NULL": "op.alter_column('users', 'age', nullable=False)",
    "duplicates": "op.create_index('u', 'users', ['email'], unique=True)",
    "orphans": "op.create_foreign_key('f', 'posts', 'users', ['author'], ['id'])",
    "a CHECK": "op.create_check_constraint('c', 'users', 'age > 0')",
    "longer text": "op.alter_column('users', 'note', type_=sa.String(10))",
    "a number in text": (
        "op.alter_column('users', 'note', type_=sa.Integer, postgresql_using='note::integer')"
    ),
    "a view in the way": "op.alter_column('users', 'note', type_=sa.Text)",
    "there already": "op.add_column('users', sa.Column('extra', sa.Integer))",
}


@pytest.mark.parametrize("kind", FAILS)
def test_what_will_fail_is_said_before(site: Site, kind: str) -> None:
    """With the number of rows in the way, or what the server says; and it does fail."""
    setup, sqlstate, words = FAILS[kind]
    site.database.execute(setup)
    site.revision(ASKS[kind])
    shown = site.plan()
    (said,) = dangers(shown, "will-fail")
    assert sqlstate in said
    assert words in said
    assert shown.needs_approval
    with pytest.raises(Exception, match=sqlstate):
        site.apply(shown)


@pytest.mark.parametrize("kind", [k for k in ASKS if k not in ("a number in text",)])
def test_what_will_not_fail_is_not_said_to(site: Site, kind: str) -> None:
    """The same revisions on rows that fit."""
    if kind == "orphans":
        site.database.execute("alter table posts drop constraint posts_author_fkey")
    site.revision(ASKS[kind])
    shown = site.plan()
    assert dangers(shown, "will-fail") == []
    site.apply(shown)


def test_a_database_without_rows_needs_no_rehearsal(site: Site) -> None:
    """Its first deploy is its own."""
    site.database.execute("truncate users, posts")
    site.revision("op.drop_column('users', 'note')")
    shown = site.plan()
    assert shown.rehearsed.done is None
    assert "not needed: no table has a row" in str(shown)
    assert dangers(shown, "not-rehearsed") == []


def test_a_plan_that_can_not_be_rehearsed_says_why_and_needs_approval(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what would mend it; and a target may let it go with a warning."""
    site.checkout.settings(
        checkouts.SETTINGS.replace('throwaway_url_env = "HERE_URL"', 'throwaway_url_env = "GONE"')
    )
    site.revision("op.add_column('users', sa.Column('extra', sa.Integer))")
    shown = site.plan()
    (said,) = dangers(shown, "not-rehearsed")
    assert "GONE, which is not set" in said
    assert shown.needs_approval
    text = (site.checkout.folder / "runbook.toml").read_text()
    site.checkout.settings('without_rehearsal = "allow"\n' + text)
    allowed = site.plan()
    assert dangers(allowed, "not-rehearsed")
    assert not allowed.needs_approval


def test_a_revision_that_hangs_is_refused_with_the_line(site: Site) -> None:
    """Before the rehearsal's deadline has passed twice."""
    site.checkout.settings("rehearsal_deadline_s = 4.0\n" + checkouts.SETTINGS)
    site.revision("__import__('threading').Event().wait(600)")
    with pytest.raises(HistoryError, match=r"hangs at .*bbbb0002\.py"):
        site.plan()


def test_a_table_that_may_not_be_read_is_named_with_the_grant(
    site: Site, reader: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_dump needs SELECT on every table."""
    name, url = reader
    site.database.execute(
        f"grant select, insert, update, delete on alembic_version, users to {name}"
    )
    site.revision("op.add_column('users', sa.Column('extra', sa.Integer))")
    monkeypatch.setenv("SHADOW_URL", site.database.url)
    site.checkout.settings(
        checkouts.SETTINGS.replace(
            'throwaway_url_env = "HERE_URL"', 'throwaway_url_env = "SHADOW_URL"'
        )
    )
    monkeypatch.setenv("HERE_URL", url)
    shown = site.plan()
    (said,) = [f for f in shown.findings if f.rule.id == "not-rehearsed"]
    assert "pg_dump may not read posts" in said.detail
    assert "GRANT SELECT ON posts" in said.remedy


def test_a_table_that_somebody_writes_does_not_keep_a_plan_from_being_rehearsed(
    site: Site, database: Database
) -> None:
    """ACCESS SHARE goes with every lock but one."""
    site.revision("op.add_column('posts', sa.Column('extra', sa.Integer))")
    holder = database.connect()
    with holder.cursor() as cursor:
        cursor.execute("begin; create view w as select 1; lock table posts in exclusive mode")
    shown = site.plan()
    assert shown.rehearsed.done is not None


# What it costs is seen, and an approval bounds it.

LOSES = {
    "DO": (
        "op.execute(\"DO $$ BEGIN EXECUTE 'DROP TABLE posts'; END $$\")",
        ["table posts: 50 rows"],
    ),
    "a function": (
        "op.execute('CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "
        "$$ BEGIN ALTER TABLE users DROP COLUMN role; END $$')\nop.execute('SELECT f()')",
        ["column users.role: 50 rows"],
    ),
    "CASCADE of a schema": ("op.execute('DROP SCHEMA old CASCADE')", ["table old.kept: 3 rows"]),
    "ON DELETE CASCADE": (
        "op.execute('DELETE FROM users WHERE id = 1')",
        [
            "delete from users, at most: 50 rows",
            "rows written or deleted in posts, at most: 50 rows",
        ],
    ),
    "TRUNCATE in DO": (
        "op.execute('DO $$ BEGIN TRUNCATE posts; END $$')",
        ["truncate of posts: 50 rows"],
    ),
    "renamed before": (
        "op.rename_table('posts', 'articles')\nop.drop_table('articles')",
        ["table posts: 50 rows"],
    ),
}


@pytest.mark.parametrize("kind", LOSES)
def test_what_goes_is_counted_however_it_is_said(site: Site, kind: str) -> None:
    """Seen on the shadow, counted in the database."""
    site.database.execute(
        "create schema old; create table old.kept as select generate_series(1, 3) id"
    )
    up, expected = LOSES[kind]
    site.revision(up)
    shown = site.plan()
    found = [str(each).partition(" (")[0] for each in shown.at_risk]
    assert found == expected
    assert shown.needs_approval


def test_an_approval_holds_while_rows_come_and_not_for_many_more(site: Site) -> None:
    """Counted and a fifth more; beyond that it stops, and says the number."""
    site.revision("op.drop_table('posts')")
    shown = site.plan()
    assert shown.bounds == (60,)
    assert shown.digest == f"{shown.fixed}-60"
    site.database.execute("insert into posts select n, 1, '' from generate_series(51, 58) n")
    few = site.plan()
    assert approval.decide("deploy", few, shown.digest, dry_run=False).lets_go == (60,)
    site.database.execute("insert into posts select n, 1, '' from generate_series(59, 500) n")
    many = site.plan()
    with pytest.raises(ApprovalNeeded, match=r"table posts: 500 rows .* at most 60"):
        approval.decide("deploy", many, shown.digest, dry_run=False)
    with pytest.raises(PlanChanged, match="at most 60"):
        migrate.apply(few, site.looked(), POLICY, Silent(), (60,))
    assert site.rows("select count(*) from posts") == [(500,)]


def test_a_digest_without_a_bound_lets_no_row_go(site: Site) -> None:
    """Its tail is the price; without one it is 0."""
    site.revision("op.drop_table('posts')")
    shown = site.plan()
    with pytest.raises(ApprovalNeeded, match="at most 0"):
        approval.decide("deploy", shown, shown.fixed, dry_run=False)
