"""The catalog sees every kind of object, and nothing but the schema."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from servers import Database

from lexikon_runbook.postgres import catalog

TERMS = "create table terms (id int primary key, name text not null);"
TRIGGER = "create function note() returns trigger language plpgsql as 'begin return new; end';"

# What there is, what somebody does to it, and the lines of the difference, in their order.
KINDS = [
    ("", "create schema app", "+ schema app: owner {owner}"),
    (TERMS, "drop table terms", "- table public.terms\n"
     "- constraint public.terms.terms_pkey"),
    ("", "create table t (a int, b text)", "+ table public.t: owner {owner}\n"
     "+ columns public.t: a, b"),
    (TERMS, "alter table terms set (fillfactor = 70)", "~ table public.terms: "
     "owner {owner} -> with fillfactor=70; owner {owner}"),
    (TERMS, "alter table terms set (toast.autovacuum_enabled = off)", "~ table public.terms: "
     "owner {owner} -> toast with autovacuum_enabled=off; owner {owner}"),
    (TERMS, "alter table terms owner to pg_monitor", "~ table public.terms: "
     "owner {owner} -> owner pg_monitor"),
    (TERMS, "alter table terms set unlogged", "~ table public.terms: "
     "owner {owner} -> unlogged; owner {owner}"),
    (TERMS, "alter table terms replica identity full", "~ table public.terms: "
     "owner {owner} -> replica identity full; owner {owner}"),
    (TERMS, "alter table terms enable row level security", "~ table public.terms: "
     "owner {owner} -> row security; owner {owner}"),
    ("create table a (x int); create table b (x int)", "alter table b inherit a",
     "~ table public.b: owner {owner} -> inherits public.a; owner {owner}"),
    ("create table p (x int) partition by list (x); create table p1 (x int)",
     "alter table p attach partition p1 for values in (1, 2)", "~ table public.p1: owner {owner} "
     "-> partition of public.p; FOR VALUES IN (1, 2); owner {owner}"),
    (TERMS, "alter table terms add note text", "+ column public.terms.note: text"),
    (TERMS, "alter table terms drop name", "- column public.terms.name"),
    (TERMS, "alter table terms alter name type varchar(20)", "~ column public.terms.name: "
     "text NOT NULL -> character varying(20) NOT NULL"),
    (TERMS, "alter table terms alter name drop not null", "~ column public.terms.name: "
     "text NOT NULL -> text"),
    (TERMS, "alter table terms alter name set default 'x'", "~ column public.terms.name: "
     "text NOT NULL -> text DEFAULT 'x'::text NOT NULL"),
    (TERMS, 'alter table terms alter name type text collate "C"', "~ column public.terms.name: "
     'text NOT NULL -> text COLLATE "C" NOT NULL'),
    (TERMS, "alter table terms alter name set storage external", "~ column public.terms.name: "
     "text NOT NULL -> text STORAGE e NOT NULL"),
    (TERMS, "alter table terms alter name set compression pglz", "~ column public.terms.name: "
     "text NOT NULL -> text COMPRESSION p NOT NULL"),
    (TERMS, "alter table terms alter name set statistics 500", "~ column public.terms.name: "
     "text NOT NULL -> text NOT NULL STATISTICS 500"),
    (TERMS, "alter table terms add twice int generated always as (id * 2) stored",
     "+ column public.terms.twice: integer GENERATED ALWAYS AS ((id * 2)) STORED"),
    (TERMS, "alter table terms alter id add generated always as identity",
     "+ sequence public.terms_id_seq: integer start 1 increment 1 minimum 1 maximum 2147483647 "
     "cache 1 owned by public.terms.id; owner {owner}\n~ column public.terms.id: "
     "integer NOT NULL -> integer GENERATED ALWAYS AS IDENTITY NOT NULL"),
    (TERMS, "create index on terms (lower(name)) where id > 3", "+ index public.terms_lower_idx: "
     "CREATE INDEX terms_lower_idx ON public.terms USING btree (lower(name)) WHERE (id > 3)"),
    (TERMS + "create index i on terms (name)", "alter index i set (fillfactor = 50)",
     "~ index public.i: CREATE INDEX i ON public.terms USING btree (name) -> "
     "CREATE INDEX i ON public.terms USING btree (name) WITH (fillfactor='50')"),
    (TERMS, "cluster terms using terms_pkey", "~ constraint public.terms.terms_pkey: "
     "PRIMARY KEY (id) -> PRIMARY KEY (id); CLUSTER"),
    (TERMS, "alter index terms_pkey set (fillfactor = 50)", "~ constraint public.terms.terms_pkey: "
     "PRIMARY KEY (id) -> PRIMARY KEY (id); with fillfactor=50"),
    (TERMS, "alter table terms add check (id > 0) not valid",
     "+ constraint public.terms.terms_id_check: CHECK ((id > 0)) NOT VALID"),
    (TERMS + "alter table terms add check (id > 0) not valid",
     "alter table terms validate constraint terms_id_check",
     "~ constraint public.terms.terms_id_check: CHECK ((id > 0)) NOT VALID -> CHECK ((id > 0))"),
    (TERMS + "create table uses (term int references terms)",
     "alter table uses disable trigger all",
     "~ constraint public.uses.uses_term_fkey: FOREIGN KEY (term) REFERENCES public.terms(id) -> "
     "FOREIGN KEY (term) REFERENCES public.terms(id); TRIGGERS DISABLED"),
    (TERMS + TRIGGER, "create trigger tr before insert on terms for each row "
     "execute function note()", "+ trigger public.terms.tr: CREATE TRIGGER tr BEFORE INSERT ON "
     "public.terms FOR EACH ROW EXECUTE FUNCTION public.note()"),
    (TERMS + TRIGGER + "create trigger tr before insert on terms execute function note()",
     "alter table terms disable trigger tr", "~ trigger public.terms.tr: CREATE TRIGGER tr BEFORE "
     "INSERT ON public.terms FOR EACH STATEMENT EXECUTE FUNCTION public.note() -> CREATE TRIGGER "
     "tr BEFORE INSERT ON public.terms FOR EACH STATEMENT EXECUTE FUNCTION public.note(); "
     "DISABLED"),
    (TERMS, "create rule calm as on delete to terms do instead nothing",
     "+ rule public.terms.calm: CREATE RULE calm AS ON DELETE TO public.terms DO INSTEAD NOTHING"),
    (TERMS, "create policy mine on terms for select to pg_monitor using (id > 3)",
     "+ policy public.terms.mine: PERMISSIVE FOR SELECT TO pg_monitor USING ((id > 3))"),
    (TERMS + "create policy mine on terms using (id > 3)",
     "alter policy mine on terms using (true)",
     "~ policy public.terms.mine: PERMISSIVE FOR ALL TO PUBLIC USING ((id > 3)) -> "
     "PERMISSIVE FOR ALL TO PUBLIC USING (true)"),
    ("", "create view one as select 1 as x", "+ view public.one: SELECT 1 AS x; owner {owner}"),
    ("create view one as select 1 as x", "create or replace view one as select 2 as x",
     "~ view public.one: SELECT 1 AS x; owner {owner} -> SELECT 2 AS x; owner {owner}"),
    ("create view one as select 1 as x", "alter view one set (security_barrier = true)",
     "~ view public.one: SELECT 1 AS x; owner {owner} -> "
     "SELECT 1 AS x; with security_barrier=true; owner {owner}"),
    ("", "create materialized view one as select 1 as x",
     "+ materialized view public.one: SELECT 1 AS x; owner {owner}"),
    ("", "create sequence s", "+ sequence public.s: bigint start 1 increment 1 minimum 1 maximum "
     "9223372036854775807 cache 1; owner {owner}"),
    ("create sequence s as smallint maxvalue 9", "alter sequence s cycle", "~ sequence public.s: "
     "smallint start 1 increment 1 minimum 1 maximum 9 cache 1; owner {owner} -> "
     "smallint start 1 increment 1 minimum 1 maximum 9 cache 1 cycle; owner {owner}"),
    ("", "create type mood as enum ('sad', 'glad')", "+ enum public.mood: 'sad', 'glad'; "
     "owner {owner}"),
    ("create type mood as enum ('sad', 'glad')", "alter type mood add value 'calm' before 'glad'",
     "~ enum public.mood: 'sad', 'glad'; owner {owner} -> 'sad', 'calm', 'glad'; owner {owner}"),
    ("create domain pos as int", "alter domain pos add constraint over check (value > 0)",
     "~ domain public.pos: integer; owner {owner} -> "
     "integer CONSTRAINT over CHECK ((VALUE > 0)); owner {owner}"),
    ("create type pair as (a int)", "alter type pair add attribute b text",
     "~ composite public.pair: a integer; owner {owner} -> a integer, b text; owner {owner}"),
    ("", "create type span as range (subtype = int)",
     "+ cast (public.span AS public.span_multirange): public.span_multirange(public.span) e f\n"
     "+ range public.span: integer int4_ops - -; owner {owner}"),
    ("", "create function f(int) returns int language sql as 'select 1'",
     "+ function public.f(integer): CREATE OR REPLACE FUNCTION public.f(integer) RETURNS integer "
     "LANGUAGE sql AS $function$select 1$function$; owner {owner}"),
    ("create function f() returns int language sql as 'select 1'", "alter function f() cost 7",
     "~ function public.f(): CREATE OR REPLACE FUNCTION public.f() RETURNS integer LANGUAGE sql AS "
     "$function$select 1$function$; owner {owner} -> CREATE OR REPLACE FUNCTION public.f() RETURNS "
     "integer LANGUAGE sql COST 7 AS $function$select 1$function$; owner {owner}"),
    ("", "create procedure p() language sql as 'select 1'", "+ procedure public.p(): CREATE OR "
     "REPLACE PROCEDURE public.p() LANGUAGE sql AS $procedure$select 1$procedure$; owner {owner}"),
    ("create aggregate total (int) (sfunc = int4pl, stype = int)", "drop aggregate total(int)",
     "- aggregate public.total(integer)"),
    ("", "create operator === (leftarg = int, rightarg = int, function = int4eq)",
     "+ operator public.===(integer,integer): boolean int4eq 0 0 - - f f; owner {owner}"),
    ("create type pair as (a int)", "create cast (pair as text) with inout as implicit",
     "+ cast (public.pair AS pg_catalog.text): - i i"),
    ("", "create text search dictionary plain (template = simple)",
     "+ text search dictionary public.plain: simple; owner {owner}"),
    (TERMS, "create statistics st (ndistinct) on id, name from terms", "+ statistics public.st: "
     "CREATE STATISTICS public.st (ndistinct) ON id, name FROM public.terms; owner {owner}"),
    ("create function note() returns event_trigger language plpgsql as 'begin end'",
     "create event trigger et on ddl_command_end when tag in ('DROP TABLE') "
     "execute function note()",
     "+ event trigger et: ON ddl_command_end DROP TABLE EXECUTE public.note(); owner {owner}"),
    ("", "drop extension plpgsql", "- comment extension plpgsql\n- extension plpgsql"),
    ("create foreign data wrapper w", "create server s foreign data wrapper w options (host 'h')",
     "+ server s: w host=h; owner {owner}"),
    ("create foreign data wrapper w; create server s foreign data wrapper w",
     "create foreign table far (a int) server s options (name 'x')", "+ foreign table "
     "public.far: server s; options name=x; owner {owner}\n+ columns public.far: a"),
    (TERMS, "create publication news for table terms with (publish = 'insert')",
     "+ publication news: insert public.terms; owner {owner}"),
    (TERMS, "comment on column terms.name is 'as printed'",
     "+ comment table column public.terms.name: as printed"),
    (TERMS, "grant select, insert on terms to pg_monitor with grant option",
     "+ grant table public.terms TO pg_monitor: INSERT WITH GRANT OPTION, "
     "SELECT WITH GRANT OPTION"),
    (TERMS, "grant update (name) on terms to public",
     "+ grant table column public.terms.name TO PUBLIC: UPDATE"),
    ("create function f() returns int language sql as 'select 1'",
     "revoke execute on function f() from public", "+ grant function public.f() TO PUBLIC: none"),
    ("", "alter default privileges in schema public grant select on tables to pg_monitor",
     "+ default privilege FOR {owner} IN public ON tables TO pg_monitor: SELECT"),
]  # fmt: skip


def change(database: Database, sql: str) -> catalog.Difference:
    """What a statement does to the catalog."""
    connection = database.connect()
    before = catalog.read(connection)
    database.execute(sql)
    return catalog.difference(before, catalog.read(connection))


def until(database: Database, sql: str, *params: object) -> None:
    """Wait until a query is true; 20 s at most."""
    deadline = time.monotonic() + 20
    while not database.rows(sql, *params)[0][0]:
        assert time.monotonic() < deadline, f"never true: {sql}"


def fingerprint(database: Database, sql: str) -> str:
    """The fingerprint of what a statement makes in an empty schema."""
    database.execute("drop schema public cascade; create schema public;" + sql)
    return catalog.read(database.connect()).fingerprint


@pytest.mark.parametrize(("setup", "sql", "lines"), KINDS, ids=[sql[:50] for _, sql, _ in KINDS])
def test_a_change_of_any_kind_is_one_readable_line(
    database: Database, setup: str, sql: str, lines: str
) -> None:
    """Each kind of object that a migration can leave behind is seen, and shown in words."""
    owner = database.rows("select quote_ident(current_user)")[0][0]
    if setup:
        database.execute(setup)
    assert str(change(database, sql)) == lines.replace("{owner}", owner)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TERMS + "alter table terms add note text", TERMS.replace(");", ", note text);")),
        (TERMS + "alter table terms drop name; alter table terms add name text not null", TERMS),
        (TERMS + "grant select on terms to public; revoke select on terms from public", TERMS),
        (TERMS + "comment on table terms is 'x'; comment on table terms is null", TERMS),
        ("create table t () with (fillfactor = 50, autovacuum_enabled = off)",
         "create table t () with (autovacuum_enabled = off, fillfactor = 50)"),
        ("create table a (); create table b ()", "create table b (); create table a ()"),
        ("create type e as enum ('a', 'c'); alter type e add value 'b' before 'c'",
         "create type e as enum ('a', 'b', 'c')"),
        (TERMS, TERMS),
    ],
)  # fmt: skip
def test_a_schema_made_in_two_ways_has_one_fingerprint(
    database: Database, one: str, other: str
) -> None:
    """What counts is what the schema is, and not how it came to be."""
    assert fingerprint(database, one) == fingerprint(database, other)


def test_columns_in_another_order_are_another_schema(database: Database) -> None:
    """A column that was dropped and added again stands last, and that is said once."""
    database.execute("create table t (a int, b int, c int)")
    found = change(database, "alter table t drop a; alter table t add a int")
    assert str(found) == "~ columns public.t: a, b, c -> b, c, a"


def test_a_new_column_is_not_told_twice(database: Database) -> None:
    """The order of the columns is shown only where it changed by itself."""
    database.execute('create table t (a int, "x, y" int)')
    found = change(database, "alter table t add b int; alter table t drop a")
    assert str(found) == "+ column public.t.b: integer\n- column public.t.a"
    assert found.summary() == "adds column t.b; removes column t.a"


def test_rows_statistics_and_sequence_values_are_not_the_schema(database: Database) -> None:
    """A busy application does not make an approved plan stale."""
    database.execute("create table t (id serial, name text)")
    found = change(database, "insert into t (name) select 'x' from generate_series(1, 99)")
    database.execute("analyze t")
    assert not found
    assert not change(database, "truncate t restart identity")


def test_a_connection_s_own_settings_do_not_matter(database: Database) -> None:
    """Two clients with other paths, time zones and formats read the same schema."""
    database.execute(
        TERMS + "create schema app; create table app.terms (at timestamptz default '2026-01-02',"
        " took interval default '90 min', price float default 0.1);"
        "create view seen as select id from terms; create index on app.terms (at)"
    )
    plain = catalog.read(database.connect())
    options = (
        "-c search_path=app,public -c datestyle=german -c timezone=Asia/Tokyo"
        " -c intervalstyle=iso_8601 -c extra_float_digits=0 -c quote_all_identifiers=on"
    )
    assert not catalog.difference(plain, catalog.read(database.connect(options=options)))


def test_a_role_without_rights_reads_the_same_schema(database: Database) -> None:
    """Who only looks needs no grant."""
    role = f"{database.name}_looks"
    database.execute(TERMS + "create view seen as select id from terms")
    database.execute(f"create role {role}")
    try:
        looker = database.connect()
        all_seen = catalog.read(looker)
        with looker.cursor() as cursor:
            cursor.execute(f"set role {role}")
        assert catalog.read(looker) == all_seen
    finally:
        database.execute(f"drop role {role}")


@pytest.mark.parametrize("name", ["alembic_version", "public.alembic_version"])
def test_the_version_table_is_left_out_with_what_belongs_to_it(
    database: Database, name: str
) -> None:
    """Alembic's own table is no part of a migration's work."""
    connection = database.connect()
    empty = catalog.read(connection, version_table=name)
    database.execute(
        "create table alembic_version (version_num varchar(32) primary key);"
        "grant select on alembic_version to public; grant update (version_num) on alembic_version"
        " to public; comment on column alembic_version.version_num is 'x'"
    )
    assert not catalog.difference(empty, catalog.read(connection, version_table=name))
    assert ("table", "public.alembic_version") in catalog.read(connection).objects


def test_temporary_objects_and_members_of_extensions_are_left_out(database: Database) -> None:
    """What others keep for themselves, and what an extension's version says, is not compared."""
    connection = database.connect()
    before = catalog.read(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "create temp table passing (id serial primary key); comment on table passing is 'x';"
            "create temp view passing_too as select 1"
        )
    database.execute(TERMS + "create function f() returns int language sql as 'select 1';"
                     "comment on table terms is 'x'; grant select on terms to public;"
                     "alter extension plpgsql add table terms;"
                     "alter extension plpgsql add function f()")  # fmt: skip
    assert not catalog.difference(before, catalog.read(connection))


def test_lexikon_s_head_is_told_in_one_line_and_goes_back_without_a_trace(
    lexikon: Callable[..., Database],
) -> None:
    """The summary names the tables, and an exact downgrade leaves no difference."""
    database = lexikon("b9d0965451a3")
    connection = database.connect()
    before = catalog.read(connection, version_table="alembic_version")
    database.upgrade("f36a73221bb3")
    after = catalog.read(connection, version_table="alembic_version")
    up = catalog.difference(before, after)
    assert up.summary() == "adds tables webhook_deliveries, webhooks, 4 indexes"
    assert catalog.difference(after, before).summary() == up.summary().replace("adds", "removes")
    database.downgrade("b9d0965451a3")
    assert not catalog.difference(before, catalog.read(connection, version_table="alembic_version"))


def test_a_difference_is_true_exactly_when_the_fingerprints_differ(database: Database) -> None:
    """The one-line verdict and the approval's digest never disagree."""
    database.execute(TERMS)
    connection = database.connect()
    first, again = catalog.read(connection), catalog.read(connection)
    same = catalog.difference(first, again)
    assert (first, hash(first), first.fingerprint) == (again, hash(again), again.fingerprint)
    assert (bool(same), str(same), same.summary()) == (False, "no difference", "")
    database.execute("alter table terms rename name to title")
    now = catalog.read(connection)
    assert catalog.difference(first, now)
    assert first != now
    assert first.fingerprint != now.fingerprint


def test_a_long_definition_is_cut_to_what_differs(database: Database) -> None:
    """One changed word in a page of code is in the line."""
    body = "create or replace function f() returns text language sql as $$ select '{}{}' $$"
    database.execute(body.format("x" * 5000, "old"))
    line = str(change(database, body.format("x" * 5000, "new")))
    assert "xold'" in line
    assert "xnew'" in line
    assert len(line) < 500


def test_a_difference_in_a_notebook_is_escaped(database: Database) -> None:
    """A name is shown as it is spelt, and never run."""
    html = change(database, 'create table "<script>" ()')._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_an_index_that_a_failed_build_left_is_named_with_the_command(database: Database) -> None:
    """An INVALID index costs on every write and serves no read."""
    database.execute('create schema "Old"; create table "Old".t (a int)')
    database.execute('insert into "Old".t values (1), (1)')
    connection = database.connect()
    before = catalog.read(connection)
    with pytest.raises(UniqueViolation):
        database.execute('create unique index concurrently "A b" on "Old".t (a)')
    left = catalog.invalid_indexes(connection)
    assert [(i.schema, i.name, i.table, i.being_built) for i in left] == [
        ("Old", "A b", "t", False)
    ]
    assert str(left[0]).endswith('is INVALID: DROP INDEX CONCURRENTLY "Old"."A b"')
    assert "USING btree (a); INVALID" in str(catalog.difference(before, catalog.read(connection)))


def test_an_index_that_is_being_built_is_not_called_left_behind(database: Database) -> None:
    """Nobody is told to drop what another session is building right now."""
    database.execute("create table t (a int); create table other (a int)")
    old, connection = database.connect(), database.connect()
    with old.cursor() as cursor:
        cursor.execute("begin; lock table t in row exclusive mode")
    building = threading.Thread(
        target=database.execute, args=("create index concurrently i on t (a)",)
    )
    building.start()
    try:
        until(database, "select count(*) = 1 from pg_index where not indisvalid")
        assert catalog.invalid_indexes(connection) == ()
        (found,) = catalog.invalid_indexes(connection, being_built=True)
        assert (found.name, found.being_built) == ("i", True)
        assert "a session builds it" in str(found)
    finally:
        old.close()
        building.join()
    assert catalog.invalid_indexes(connection, being_built=True) == ()


def test_reading_waits_for_a_migration_and_does_not_fail(database: Database) -> None:
    """A view over a locked table is read as soon as the lock is gone, or as it was before."""
    database.execute(TERMS + "create view seen as select id from terms")
    writer, reader = database.connect(), database.connect()
    with writer.cursor() as cursor:
        cursor.execute("begin; alter table terms add note text")
    found: list[catalog.Catalog] = []
    reading = threading.Thread(target=lambda: found.append(catalog.read(reader)))
    reading.start()
    pid = reader.info.backend_pid
    until(database, "select count(*) > 0 from pg_locks where pid = %s and not granted", pid)
    with writer.cursor() as cursor:
        cursor.execute("commit")
    reading.join(20)
    assert ("view", "public.seen") in found[0].objects
    assert ("column", "public.terms.note") in catalog.read(reader).objects


def test_objects_dropped_while_reading_are_no_error(database: Database) -> None:
    """An application that makes and drops tables all the time does not stop a runbook."""
    ended = threading.Event()

    def make_and_drop() -> None:
        connection = database.connect()
        with connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute(TERMS + "create view seen as select id from terms")
                cursor.execute("drop view seen; drop table terms")

    making, reader = threading.Thread(target=make_and_drop), database.connect()
    making.start()
    try:
        kinds = {kind for _ in range(30) for kind, _ in catalog.read(reader).objects}
    finally:
        ended.set()
        making.join()
    assert "schema" in kinds


def test_a_session_s_own_settings_survive_a_reading(database: Database) -> None:
    """The reading leaves no transaction and no setting behind, also when it fails."""
    connection = database.connect(options="-c search_path=app -c statement_timeout=1")
    database.execute("create schema app")
    with connection.cursor() as cursor:
        cursor.execute("set statement_timeout = 0")
        catalog.read(connection)
        cursor.execute("select current_setting('search_path'), current_setting('jit')")
        assert cursor.fetchone()[0] == "app"
    assert connection.info.transaction_status == TRANSACTION_STATUS_IDLE
