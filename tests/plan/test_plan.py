"""The plan: what would run, what it would lose, and the digest that an approval is for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import checkouts
import pytest
from checkouts import Checkout
from servers import PROJECT, Database

from lexikon_runbook.errors import ApprovalNeeded, ReadFailed
from lexikon_runbook.plan import making, risk
from lexikon_runbook.plan.plan import Plan
from lexikon_runbook.postgres import connections as db
from lexikon_runbook.postgres import statements
from lexikon_runbook.project import preflight
from lexikon_runbook.project.history import Direction
from lexikon_runbook.runbooks import approval
from lexikon_runbook.targets import settings

BEFORE, HEAD = "b9d0965451a3", "f36a73221bb3"


@pytest.fixture
def project(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """An Alembic project without a revision, and its fresh database."""
    monkeypatch.setenv("HERE_URL", database.url)
    return checkouts.checkout(tmp_path)


def made(
    folder: Path, revision: str = "head", direction: Direction = "upgrade", target: str = "here"
) -> Plan:
    found = preflight.check(settings.target(target, folder), direction)
    return making.make(found, direction, revision, 2.0)


def run_sql(project: Checkout, database: Database, up: str, back: str) -> None:
    """Make one revision of that SQL and put the database there, its rows included."""
    project.revision("aaaa0001", None, up, back)
    database.execute(up)
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('aaaa0001')")


def losses(project: Checkout) -> list[str]:
    """What undoing the one revision would lose, without the sizes."""
    return [line.partition(" (")[0] for line in made(project.folder, "-1", "downgrade").losses]


# The digest.


def test_the_same_plan_has_the_same_digest_also_in_another_process(
    lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A reviewer's digest from one machine is good in the CI job of another."""
    made_here = lexikon(BEFORE, data=True)
    monkeypatch.setenv("HERE_URL", made_here.url)
    target = settings.Target("default", PROJECT, url_env="HERE_URL")
    found = preflight.check(target, "upgrade")
    first, second = (making.make(found, "upgrade", r, 2.0) for r in ("head", HEAD))
    assert re.fullmatch("2:[0-9a-f]{64}", first.digest)
    assert first.digest == second.digest
    command = [sys.executable, "-m", "lexikon_runbook", "plan", "--target", "default", "--json"]
    environment = os.environ | {"DATABASE_URL": made_here.url, "PYTHONHASHSEED": "7"}
    environment["LEXIKON_RUNBOOK_PROJECT"] = str(PROJECT)
    run = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout)["digest"] == first.digest


def test_the_digest_changes_with_everything_that_was_shown(
    project: Checkout, database: Database
) -> None:
    """A file, its SQL, the catalog, where the database is, where it goes, which database it is."""
    one, two = "create table a (id int);", "create table b (id int);"
    project.revision("aaaa0001", None, one)
    project.revision("bbbb0002", "aaaa0001", two)
    seen = [made(project.folder).digest]
    assert made(project.folder).digest == seen[0]

    file = project.revision("bbbb0002", "aaaa0001", two)
    file.write_text(file.read_text() + "\n# the same SQL\n")
    seen.append(made(project.folder).digest)
    project.revision("bbbb0002", "aaaa0001", "create table b (id bigint);")
    seen.append(made(project.folder).digest)
    seen.append(made(project.folder, "+1").digest)
    database.execute("create table stray (id int)")
    seen.append(made(project.folder).digest)
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('aaaa0001')")
    seen.append(made(project.folder).digest)
    assert len(set(seen)) == len(seen)


def test_rows_that_come_and_go_do_not_change_the_digest(
    project: Checkout, database: Database
) -> None:
    """The application goes on writing between the review and the run."""
    run_sql(project, database, "create table a (id int);", "drop table a;")
    before = made(project.folder, "-1", "downgrade")
    database.execute("insert into a select generate_series(1, 1000)")
    after = made(project.folder, "-1", "downgrade")
    assert before.fixed == after.fixed
    assert before.at_risk != after.at_risk


# What is at risk.


def test_lexikons_rollback_counts_every_row_that_it_would_drop(
    lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to base: each table once, with the number that `select count(*)` gives."""
    database = lexikon(BEFORE, data=True)
    monkeypatch.setenv("HERE_URL", database.url)
    target = settings.Target("here", PROJECT, url_env="HERE_URL")
    found = preflight.check(target, "downgrade")
    shown = making.make(found, "downgrade", "base", 2.0)
    assert [s.revision.id for s in shown.steps] == ["b9d0965451a3", "7beb871f4454"]
    assert shown.destination == "base"
    tables = {r.what.removeprefix("table "): r.rows for r in shown.at_risk if "table" in r.what}
    assert {"users", "terms", "projects", "api_keys"} <= set(tables)
    for table, rows in tables.items():
        assert database.rows(f"select count(*) from {table}") == [(rows,)]
    assert "table terms: 6,000 rows" in str(shown)
    assert shown.needs_approval


def test_a_column_counts_the_rows_that_have_a_value_in_it(
    project: Checkout, database: Database
) -> None:
    """NULL is nothing to lose."""
    up = "create table a (id int, note text);"
    run_sql(project, database, up, "alter table a drop column note, drop column id;")
    database.execute("insert into a values (1, 'x'), (2, null), (3, 'y')")
    assert losses(project) == ["column a.id: 3 rows", "column a.note: 2 rows"]


def test_names_that_need_quotes_are_counted_too(project: Checkout, database: Database) -> None:
    """Mixed case, a space, a dot, another schema, a keyword."""
    up = """create schema "Ops"; create table "Ops"."My.Table" (id int, "Full Name" text);
        create table "Terms" ("order" int);"""
    back = """alter table "Ops"."My.Table" drop column "Full Name"; drop table "Ops"."My.Table";
        alter table "Terms" drop column "order"; drop table "Terms";"""
    run_sql(project, database, up, back)
    database.execute("""insert into "Ops"."My.Table" values (1, 'x'), (2, null)""")
    database.execute('insert into "Terms" values (1)')
    assert losses(project) == ['table "Ops"."My.Table": 2 rows', 'table "Terms": 1 row']
    project.revision("aaaa0001", None, up, back.partition(" drop table")[0] + ";")
    assert losses(project) == ['column "Ops"."My.Table"."Full Name": 1 row']


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        ("drop table a, b;", ["table a: 3 rows", "table b: 0 rows"]),
        ("truncate a;", ["truncate of a: 3 rows"]),
        ("delete from a;", ["delete from a: 3 rows"]),
        ("delete from a where id = 1;", ["delete from a, at most: 3 rows"]),
        ("drop schema ops cascade;", ["table ops.logs: 2 rows"]),
        ("update a set id = 2 where id = 1;", ["update of a, at most: 3 rows"]),
        (
            "alter table a alter column id type smallint;",
            ["new column type in a, at most: 3 rows"],
        ),
        ("drop table a cascade;", ["table a: 3 rows"]),
        ("drop table if exists nowhere;", []),
        ("drop table nowhere;", ["table nowhere: its rows could not be counted"]),
        ("create table t (id int); drop table t;", []),
        ("drop index a_id;", []),
        ("drop view v;", []),
        ("do $$ begin execute 'drop table a'; end $$;", ["table a: 3 rows"]),
        (
            "do $$ begin delete from a where id = 77; end $$;",
            ["rows written or deleted in a, at most: 3 rows"],
        ),
    ],
)
def test_whatever_takes_rows_away_is_counted_or_said_to_be_uncounted(
    project: Checkout, database: Database, back: str, expected: list[str]
) -> None:
    """And what takes none away is not held against the rollback."""
    up = """create table a (id int); create table b (id int); create index a_id on a (id);
        create view v as select 1; create schema ops; create table ops.logs (id int);"""
    run_sql(project, database, up, back)
    database.execute("insert into a values (1), (2), (3); insert into ops.logs values (1), (2)")
    found = losses(project)
    assert len(found) == len(expected)
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(beginning)
    assert made(project.folder, "-1", "downgrade").needs_approval == bool(expected)


def test_rows_that_a_policy_hides_are_not_counted_as_none(
    database: Database, reader: tuple[str, str]
) -> None:
    """The owner sees no row of its table; dropping it would lose five hundred."""
    role, url = reader
    database.execute(
        "create table accounts as select g from generate_series(1, 500) g; "
        f"alter table accounts owner to {role}; "
        "alter table accounts enable row level security, force row level security"
    )
    read = statements.read_all(["drop table accounts"])
    with closing(db.connect_url(url)) as connection:
        found = risk.at_risk(connection, [e for s in read for e in s.effects], down=True)
    hidden = "its rows could not be counted (row-level security hides some)"
    assert [str(risk) for risk in found] == [f"table accounts: {hidden}"]


@pytest.mark.parametrize(
    "columns",
    [
        '"Id" int primary key, word text',
        '"Id" int generated always as identity primary key, word text',
        '"Id" int generated by default as identity, word text primary key',
        '"Id" int not null, word text, primary key (word, "Id")',
        '"Id" int not null, word text',
    ],
)
def test_what_is_advised_for_a_dropped_column_is_what_postgresql_accepts(
    project: Checkout, database: Database, columns: str
) -> None:
    """Also for one of the primary key: after it, rows are written without the column."""
    run_sql(project, database, f"create table a ({columns});", "drop table a;")
    project.revision("bbbb0002", "aaaa0001", 'alter table a drop column "Id";')
    (finding,) = (f for f in made(project.folder).findings if f.rule.id == "drop-column")
    said, _, sql = finding.remedy.partition("later:\n")
    assert ("primary key" in said) == ("DROP CONSTRAINT" in sql)
    database.execute(f"{sql} insert into a (word) values ('x')")
    assert database.rows('select "Id", word from a') == [(None, "x")]


def test_values_that_are_computed_are_not_lost(database: Database) -> None:
    """A generated column has its values from others; those are counted."""
    database.execute(
        "create table sums (a int, b int, total int generated always as (a + b) stored); "
        "insert into sums values (1, 2)"
    )
    read = statements.read_all(["alter table sums drop column total, drop column b"])
    with closing(database.connect()) as connection:
        found = risk.at_risk(connection, [e for s in read for e in s.effects], down=True)
    assert [risk.what for risk in found] == ["column sums.b"]


def test_a_table_that_somebody_holds_is_said_to_be_uncounted(
    project: Checkout, database: Database
) -> None:
    """The count gives way; a whole plan, which reads more, is refused with where to look."""
    run_sql(project, database, "create table a (id int);", "drop table a;")
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute("lock table a")
    with closing(db.connect(settings.target("here", project.folder))) as connection:
        db.rows(connection, "select set_config('lock_timeout', '50ms', false)")
        read = statements.read_all(["drop table a"])
        found = risk.at_risk(connection, [e for s in read for e in s.effects], down=True)
    assert [str(r) for r in found] == ["table a: its rows could not be counted"]
    with pytest.raises(ReadFailed, match="canceling statement due to lock timeout") as stop:
        made(project.folder, "-1", "downgrade")
    assert "status --target here` shows who holds which lock" in stop.value.next_step


def test_a_rollback_whose_sql_is_unknown_is_not_called_harmless(
    project: Checkout, database: Database
) -> None:
    """A downgrade that asks the database can't be rendered: it needs its digest."""
    back = "rows = op.get_bind().execute(sa.text('select 1')).fetchall()\nassert rows"
    project.revision("aaaa0001", None, "create table a (id int);", back)
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('aaaa0001')")
    shown = made(project.folder, "-1", "downgrade")
    assert not shown.steps[0].known
    assert shown.losses == ("not counted: what aaaa0001 does",)
    assert shown.needs_approval
    assert "no rows would be dropped" not in str(shown)


# Who must approve.


def test_a_rollback_of_an_index_has_nothing_at_risk(project: Checkout, database: Database) -> None:
    """It says so, passes on an open target, and needs its digest on a protected one."""
    database.execute("create table a (id int)")
    run_sql(project, database, "create index a_id on a (id);", "drop index a_id;")
    shown = made(project.folder, "-1", "downgrade")
    assert "At risk    nothing: no rows would be dropped" in str(shown)
    decided = approval.decide("rollback", shown, "", dry_run=False)
    assert decided.runs
    assert decided.by == "no danger was found, and the target is open"

    guarded = made(project.folder, "-1", "downgrade", "guarded")
    with pytest.raises(ApprovalNeeded) as stop:
        approval.decide("rollback", guarded, "", dry_run=False)
    assert "nothing is at risk (target guarded is protected)" in stop.value.happened
    assert stop.value.state == "nothing was changed; the database is at aaaa0001."
    assert stop.value.next_step.endswith(
        "lexikon-runbook run rollback -p target=guarded -p revision=base "
        f"-p approve={guarded.digest}"
    )
    assert approval.decide("rollback", guarded, guarded.digest, dry_run=False).runs


def test_a_rollback_that_drops_rows_names_them_until_it_has_its_digest(
    project: Checkout, database: Database
) -> None:
    """Also on an open target."""
    run_sql(project, database, "create table a (id int);", "drop table a;")
    database.execute("insert into a values (1), (2)")
    shown = made(project.folder, "-1", "downgrade")
    with pytest.raises(ApprovalNeeded) as stop:
        approval.decide("rollback", shown, "", dry_run=False)
    assert "table a: 2 rows" in stop.value.happened
    assert shown.digest in stop.value.next_step
    decided = approval.decide("rollback", shown, shown.digest, dry_run=False)
    assert decided.runs
    assert decided.by == "approve holds this plan's digest"
    assert shown.digest in str(decided)


def test_a_destructive_deploy_needs_its_digest(project: Checkout, database: Database) -> None:
    """An additive one does not; a wrong digest is refused for both."""
    database.execute("create table a (id int); insert into a values (1)")
    project.revision("aaaa0001", None, "create table b (id int);")
    harmless = made(project.folder)
    assert approval.decide("deploy", harmless, "", dry_run=False).runs
    project.revision("bbbb0002", "aaaa0001", "drop table a;")
    destructive = made(project.folder)
    with pytest.raises(ApprovalNeeded, match="bbbb0002: drops table a"):
        approval.decide("deploy", destructive, "", dry_run=False)
    for shown in (harmless, destructive):
        with pytest.raises(ApprovalNeeded, match="does not hold the digest of this plan") as stop:
            approval.decide("deploy", shown, f"2:{'0' * 64}", dry_run=False)
        assert shown.digest in stop.value.next_step
        assert stop.value.state == "nothing was changed; the database is at base."


def test_a_dry_run_and_a_plan_without_steps_need_no_approval_and_run_nothing(
    project: Checkout, database: Database
) -> None:
    """Also on a protected target, also with something at risk."""
    database.execute("create table a (id int); insert into a values (1)")
    project.revision("aaaa0001", None, "drop table a;")
    for target in ("here", "guarded"):
        shown = made(project.folder, target=target)
        decided = approval.decide("deploy", shown, "", dry_run=True)
        assert not decided.runs
        assert decided.by == "dry run: nothing will be changed"
        assert "Approval: nothing will run" in str(decided)
        empty = replace(shown, steps=())
        assert approval.decide("deploy", empty, "", dry_run=False).by == "nothing to do"


def test_in_jupyterlab_the_words_under_the_plan_may_be_typed(
    project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Target and destination, exactly; anything else stops."""
    project.revision("aaaa0001", None, "create table a (id int);")
    shown = made(project.folder, target="guarded")
    questions: list[str] = []

    def answering(answer: str) -> Callable[[str], str]:
        return lambda question: questions.append(question) or answer

    monkeypatch.setattr(approval.display, "asked", answering("guarded aaaa0001"))
    assert approval.decide("deploy", shown, "", dry_run=False).by.startswith("typed in this")
    assert "`guarded aaaa0001`" in questions[0]
    for wrong in ("", "guarded", "yes", "guarded aaaa0002"):
        monkeypatch.setattr(approval.display, "asked", answering(wrong))
        with pytest.raises(ApprovalNeeded):
            approval.decide("deploy", shown, "", dry_run=False)


def test_a_digest_of_version_0_1_is_answered_with_why(
    project: Checkout, database: Database
) -> None:
    """It had no format in front, and fixed less."""
    project.revision("aaaa0001", None, "create table b (id int);")
    shown = made(project.folder)
    with pytest.raises(ApprovalNeeded, match=r"a digest that version 0\.1 made") as stop:
        approval.decide("deploy", shown, "0" * 64, dry_run=False)
    assert shown.digest in stop.value.next_step


def test_undoing_a_merge_alone_leads_to_both_branches(
    project: Checkout, database: Database
) -> None:
    """Two version rows, as plain Alembic leaves them; a further rollback starts from both."""
    for id_, down in (("aaaa0001", None), ("bbbb0002", "aaaa0001"), ("cccc0003", "aaaa0001")):
        project.revision(id_, down)
    project.revision("dddd0004", ("bbbb0002", "cccc0003"))
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('dddd0004')")
    undone = made(project.folder, "bbbb0002", "downgrade")
    assert (undone.destination, undone.revision) == ("bbbb0002, cccc0003", "bbbb0002")
    assert made(project.folder, "aaaa0001", "downgrade").destination == "aaaa0001"


def test_rows_that_came_after_the_plan_was_shown_make_it_another_plan(
    project: Checkout, database: Database
) -> None:
    """Approved at no rows, it may not drop a thousand."""
    run_sql(project, database, "create table a (id int);", "drop table a;")
    shown = made(project.folder, "-1", "downgrade")
    assert not made(project.folder, "-1", "downgrade").beyond(shown.bounds)
    database.execute("insert into a select generate_series(1, 1000)")
    again = made(project.folder, "-1", "downgrade")
    assert again.fixed == shown.fixed
    assert again.digest == f"{again.fixed}-1200"
    assert again.beyond(shown.bounds)
    assert not shown.beyond(again.bounds)


def test_a_deploy_that_takes_rows_away_needs_its_digest(
    project: Checkout, database: Database
) -> None:
    """A DELETE with a WHERE and a column of a partitioned table lose rows, too."""
    database.execute("create table ev (id int, x int) partition by range (id)")
    database.execute("create table ev1 partition of ev for values from (0) to (1000)")
    database.execute("insert into ev select n, n from generate_series(1, 500) n")
    project.revision("aaaa0001", None, "delete from ev where id > 499;")
    project.revision("bbbb0002", "aaaa0001", "alter table ev drop column x;")
    assert made(project.folder, "aaaa0001").needs_approval
    shown = made(project.folder, "bbbb0002")
    assert "column ev.x: 500 rows" in str(shown)
    assert shown.needs_approval


def test_a_revision_that_asks_whether_it_is_only_rendered_is_not_believed(
    project: Checkout,
) -> None:
    """What it shows offline may not be what it runs."""
    asks = """
    from alembic import context
    op.execute("select 1" if context.is_offline_mode() else "drop table users")
    """
    project.revision("aaaa0001", None, asks)
    shown = made(project.folder)
    assert [step.known for step in shown.steps] == [False]
    assert shown.needs_approval


def test_an_invalid_index_of_the_same_name_elsewhere_is_left_alone(
    project: Checkout, database: Database
) -> None:
    """Only the one that is in the way of the plan is dropped."""
    for schema in ("public", "o"):
        database.execute(f"create schema if not exists {schema}")
        database.execute(f"create table {schema}.a (id int)")
        database.execute(f"create index ix on {schema}.a (id)")
        index = f"'{schema}.ix'::regclass"
        database.execute(f"update pg_index set indisvalid = false where indexrelid = {index}")
    project.revision("aaaa0001", None, "create index ix on a (id);")
    shown = made(project.folder)
    assert [f"{index.schema}.{index.name}" for index in shown.invalid] == ["public.ix"]
    assert "the invalid index public.ix is dropped" in str(shown)


# What it looks like.


def test_a_plan_shows_steps_sql_checksums_and_what_each_does(project: Checkout) -> None:
    """In a terminal and, escaped, in a notebook."""
    project.revision("aaaa0001", None, "create table a (note text default '<b>');")
    shown = made(project.folder)
    text, page = str(shown), shown._repr_html_()
    assert "Plan: upgrade base -> aaaa0001" in text
    assert "create table a (note text default '<b>');" in text
    assert shown.steps[0].revision.checksum[:12] in text
    assert shown.digest in text
    assert "&lt;b&gt;" in page
    assert "<b>'" not in page
    assert "nothing to do, the database is at base" in str(replace(shown, steps=()))


def test_the_document_of_a_plan_has_all_that_another_program_needs(project: Checkout) -> None:
    """It goes through JSON, and holds digest, SQL, findings and risks."""
    project.revision("aaaa0001", None, "create table a (id int);")
    document = json.loads(json.dumps(made(project.folder).document()))
    assert document["target"] == "here"
    assert (document["direction"], document["current"]) == ("upgrade", "base")
    assert document["destination"] == "aaaa0001"
    assert document["needs_approval"] is False
    assert document["steps"][0]["sql"] == ["create table a (id int)"]
    assert {"digest", "findings", "at_risk", "catalog", "database"} <= set(document)


def test_what_reads_and_rehearses_sql_is_loaded_when_there_is_some() -> None:
    """Most deploys have nothing to do, and start as fast as they can."""
    code = (
        "import sys, lexikon_runbook.plan.making;"
        "print([m for m in sys.modules if 'rehearsal' in m or 'statements' in m])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
