"""One table in full: every part of it, found by whatever name somebody writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from servers import PROJECT, Database

from lexikon_runbook.errors import NoSuchTable
from lexikon_runbook.project import database as looked
from lexikon_runbook.project.database import Database as Looked
from lexikon_runbook.schema import naming, table
from lexikon_runbook.schema.table import TITLES
from lexikon_runbook.targets.settings import Target

HERE = Target("here", PROJECT, url_env="HERE_URL")
LONG = "t" * 63
NAMES = f"""
create schema other; create schema "Weird Schema";
create table terms (id int); create table other.terms (id int); create table other.only_here ();
create table "Terms" (id int); create table "has.dot" (id int);
create table "say ""hi"" to" (id int);
create table "Weird Schema"."Weird Name" (id int);
create table {LONG} (id int);
create sequence numbers; create view seen as select 1 as one;
"""


@pytest.fixture
def found(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Looked]:
    """Reach the test's database, after running some SQL in it."""
    monkeypatch.setenv("HERE_URL", database.url)

    def reach(sql: str = "") -> Looked:
        if sql:
            database.execute(sql)
        return looked.reach(HERE)

    return reach


def test_a_name_is_read_as_sql_or_as_the_table_is_called(found: Callable[..., Looked]) -> None:
    """Quoted or not, with its schema or without, with blanks, dots and quotes in it."""
    known = found(NAMES)
    meant = {
        "terms": "public.terms",
        " terms ": "public.terms",
        "TERMS": "public.terms",
        "Terms": 'public."Terms"',
        '"Terms"': 'public."Terms"',
        "other.terms": "other.terms",
        "Other.Terms": "other.terms",
        "only_here": "other.only_here",
        "has.dot": 'public."has.dot"',
        'public."has.dot"': 'public."has.dot"',
        "public.has.dot": 'public."has.dot"',
        'say "hi" to': 'public."say ""hi"" to"',
        '"say ""hi"" to"': 'public."say ""hi"" to"',
        "Weird Name": '"Weird Schema"."Weird Name"',
        '"Weird Schema"."Weird Name"': '"Weird Schema"."Weird Name"',
        "Weird Schema.Weird Name": '"Weird Schema"."Weird Name"',
        LONG: f"public.{LONG}",
        "seen": "public.seen",
    }
    assert {name: str(naming.find(known, name)) for name in meant} == meant


@pytest.mark.parametrize(
    ("name", "happened", "next_step"),
    [
        (
            "trems",
            "there is no table 'trems'.",
            "-p table=public.terms, or table = 'public.terms' in the notebook. The",
        ),
        ("weirdname", "there is no table", '-p table=\'"Weird Schema"."Weird Name"\', or'),
        ("zzzzzzzzz", "there is no table 'zzzzzzzzz'.", "choose one of "),
        ("numbers", "public.numbers is a sequence, not a table or view.", "choose one of "),
        (LONG + "x", "a name of 64 bytes can't be a table's", f"it was cut: -p table={LONG},"),
        (
            f"public.{LONG}x",
            "a name of 64 bytes can't be a table's",
            f"it was cut: -p table={LONG},",
        ),
        ("a.b.c.d", "there is no table 'a.b.c.d'.", "choose one of "),
        ("terms; drop table terms", "there is no table", "choose one of "),
        ("%s", "there is no table '%s'.", "choose one of "),
    ],
)
def test_a_name_that_no_table_has_is_refused_with_the_nearest(
    found: Callable[..., Looked], name: str, happened: str, next_step: str
) -> None:
    """The refusal names what there is, and how the name would be written."""
    known = found(NAMES)
    with pytest.raises(NoSuchTable) as stop:
        naming.find(known, name)
    assert happened in stop.value.happened
    assert next_step in stop.value.next_step


def test_a_name_in_several_schemas_off_the_search_path_needs_its_schema(
    found: Callable[..., Looked], database: Database
) -> None:
    """On the search path the first one is meant, as in SQL."""
    known = found("create schema a; create schema b; create table a.t (); create table b.t ()")
    with pytest.raises(NoSuchTable) as stop:
        naming.find(known, "t")
    assert stop.value.happened == "there are 2 tables 't'."
    assert stop.value.next_step == (
        "-p table=a.t, or table = 'a.t' in the notebook. There are a.t, b.t."
    )
    database.execute(f"alter database {database.name} set search_path = b, a")
    assert str(naming.find(known, "t")) == "b.t"


def test_without_a_name_the_largest_table_is_shown(found: Callable[..., Looked]) -> None:
    """A view never is; of an empty database the card says what to do, and the run goes on."""
    known = found()
    assert "lexikon-runbook run deploy -p target=here makes" in str(table.read(known))
    found("create view v as select 1; create table small (); create table big as select 1 as one")
    assert "table public.big" in str(table.read(known))


def whole(found: Callable[..., Looked]) -> Any:
    """A table that has one of everything."""
    known = found(
        """
        create table people (id int primary key);
        create table t (
          id int generated always as identity primary key,
          "Name" varchar(80) collate "C" not null default 'x''y' unique,
          person int constraint of_person references people on delete cascade,
          doubled int generated always as (2 * id) stored,
          note text, constraint positive check (id > 0)
        ) with (fillfactor = 70);
        alter table t drop column note;
        create table child (t int references t on update set null deferrable);
        create view seen as select id from t;
        create trigger g before update on t for each row
          execute function suppress_redundant_updates_trigger();
        alter table t disable trigger g;
        create rule r as on delete to t do also notify gone;
        create policy mine on t for select to pg_monitor using (id = 1);
        alter table t enable row level security;
        grant select on t to pg_monitor; grant update ("Name") on t to pg_monitor;
        comment on table t is '<b>about</b> t'; comment on column t."Name" is 'called';
        comment on constraint positive on t is 'never below'; create index on t (person)
        """
    )
    return table.read(known, "t")


def test_every_part_of_a_table_stands_in_its_own_frame(found: Callable[..., Looked]) -> None:
    """Columns in order, keys both ways, what is switched off, who may do what, who reads it."""
    made = whole(found)
    columns = {row.column: row for row in made.columns.itertuples()}
    assert list(columns) == ["id", "Name", "person", "doubled"]
    assert (columns["id"].identity, columns["id"].key) == ("always", "primary")
    name = columns["Name"]
    assert (name.type, name.default) == ("character varying(80)", "'x''y'::character varying")
    assert (name.collation, name.comment) == ('"C"', "called")
    assert not name.nullable
    assert columns["doubled"].generated == "(2 * id) stored"
    assert list(made.keys_out["table"]) == ["public.people"]
    assert list(made.keys_in["table"]) == ["public.child"]
    assert list(made.keys_in["on_update"]) == ["set null"]
    assert list(made.triggers["enabled"]) == ["DISABLED"]
    assert list(made.rules["rule"]) == ["r"]
    assert list(made.policies["roles"]) == ["pg_monitor"]
    assert list(made.policies["using"]) == ["(id = 1)"]
    rows = made.privileges.fillna("").itertuples()
    granted = {(row.role, row.columns): row.privileges for row in rows}
    assert granted["pg_monitor", ""] == "select"
    assert granted["pg_monitor", '"Name"'] == "update"
    assert list(made.views["view"]) == ["public.seen"]
    checks = made.constraints[made.constraints["kind"] == "check"]
    assert list(checks["comment"]) == ["never below"]
    shown = str(made)
    for title, part in ((t, getattr(made, n)) for n, t in TITLES.items()):
        assert part.empty or f"{title}: {len(part)}" in shown
    for said in ("fillfactor=70", "row security", "None: partitions."):
        assert said in shown


def test_columns_are_those_of_the_catalog_itself(
    found: Callable[..., Looked], database: Database
) -> None:
    """Names, types and nullability as pg_attribute has them, dropped columns left out."""
    made = whole(found)
    known = database.rows(
        "select attname, format_type(atttypid, atttypmod), not attnotnull from pg_attribute"
        " where attrelid = 't'::regclass and attnum > 0 and not attisdropped order by attnum"
    )
    said = (made.columns[name] for name in ("column", "type", "nullable"))
    assert list(zip(*said, strict=True)) == known


def test_a_key_that_was_never_validated_is_told(found: Callable[..., Looked]) -> None:
    """NOT VALID holds for new rows only."""
    sql = """
    create table p (id int primary key); create table t (p int);
    alter table t add constraint late foreign key (p) references p not valid
    """
    made: Any = table.read(found(sql), "t")
    assert not made.keys_out["validated"][0]
    assert "NOT VALID" in made.constraints["definition"][0]


def test_a_partitioned_table_shows_its_partitions_and_they_their_place(
    found: Callable[..., Looked],
) -> None:
    """The bounds as they were written; a partition names what it is part of."""
    sql = """
    create table events (at date not null) partition by range (at);
    create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
    create table events_rest partition of events default
    """
    known = found(sql)
    made: Any = table.read(known, "events")
    assert list(made.partitions["bound"]) == [
        "FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "DEFAULT",
    ]
    assert "Partitioned by  RANGE (at)" in str(made)
    assert "public.events FOR VALUES FROM" in str(table.read(known, "events_2025"))


def test_a_view_shows_its_definition(found: Callable[..., Looked]) -> None:
    """Whole, as PostgreSQL writes it."""
    shown = str(table.read(found("create view v as select 1 as one, 2 as two"), "v"))
    assert "view public.v" in shown
    assert "1 AS one" in shown


def test_sixteen_hundred_columns_are_all_shown_or_counted(found: Callable[..., Looked]) -> None:
    """The frame holds all of them, and the display says how many it leaves out."""
    columns = ", ".join(f"c{n} int" for n in range(1600))
    made: Any = table.read(found(f"create table wide ({columns})"), "wide")
    assert len(made.columns) == 1600
    assert "Columns: 1,600" in str(made)
    assert "Shown are the first 1,000 of 1,600 rows" in str(made)


def test_names_that_look_like_markup_are_escaped(found: Callable[..., Looked]) -> None:
    """In every frame and card of a table, also in its comment, default and view."""
    sql = """
    create table "<script>alert(1)</script>" ("<b>" text default '<i>''"', "line
    break" int, "ünïcode" int);
    comment on table "<script>alert(1)</script>" is '<img src=x onerror=y>'
    """
    made: Any = table.read(found(sql), "<script>alert(1)</script>")
    html: Any = made._repr_html_()
    for evil in ("<script>alert", "<b>text", "<i>'", "<img"):
        assert evil not in html
    assert "&lt;script&gt;" in html
    assert "ünïcode" in html


def test_a_table_under_an_exclusive_lock_is_shown_at_once(
    found: Callable[..., Looked], database: Database
) -> None:
    """What would have to wait is unknown; columns, keys and constraints are all there."""
    whole(found)
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute("lock table t, seen in access exclusive mode")
    made: Any = table.read(looked.reach(HERE), "t")
    assert f"pid {holder.info.backend_pid} holds or waits for an exclusive lock" in str(made)
    assert list(made.columns["column"]) == ["id", "Name", "person", "doubled"]
    assert made.columns["generated"].isna().all()
    assert len(made.indexes) == 3
    view: Any = table.read(looked.reach(HERE), "seen")
    assert view.facts.definition is None


def test_a_table_that_goes_while_it_is_read_is_refused(
    found: Callable[..., Looked], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by its name and then dropped: the refusal says so."""
    known = found("create table goes (id int)")
    find = naming.find

    def found_and_dropped(*given: Any) -> Any:
        named = find(*given)
        database.execute("drop table goes")
        return named

    monkeypatch.setattr(naming, "find", found_and_dropped)
    with pytest.raises(NoSuchTable) as stop:
        table.read(known, "goes")
    assert stop.value.happened == "public.goes was dropped while it was read."
