"""All tables, indexes, keys and sequences as DataFrames: what they say of a real database."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pandas as pd
import pytest
from servers import PROJECT, Database

from lexikon_runbook.project import database as looked
from lexikon_runbook.project.database import Database as Looked
from lexikon_runbook.schema import frames, indexes, other_objects, sequences, tables
from lexikon_runbook.targets.settings import Target

HERE = Target("here", PROJECT, url_env="HERE_URL", throwaway_url_env="HERE_URL")
PEOPLE = """
create table people (id int primary key, name text not null, boss int references people);
insert into people select n, 'p' || n, null from generate_series(1, 500) as n;
"""


@pytest.fixture
def found(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Looked]:
    """Reach the test's database, after running some SQL in it; as another URL if one is given."""

    def reach(sql: str = "", url: str = "") -> Looked:
        if sql:
            database.execute(sql)
        monkeypatch.setenv("HERE_URL", url or database.url)
        return looked.reach(HERE)

    return reach


def row(of: pd.DataFrame, **named: str) -> Any:
    """The one row with these values."""
    for column, value in named.items():
        of = of[of[column] == value]
    (one,) = list(of.itertuples())
    return one


def test_sizes_of_tables_are_those_that_postgresql_reports(
    found: Callable[..., Looked], database: Database
) -> None:
    """Table, indexes and TOAST add up to pg_total_relation_size; rows are the last estimate."""
    long = "create table long (v text); insert into long select string_agg(md5(n::text), '') "
    known = found(f"{PEOPLE} {long} from generate_series(1, 5000) as n; analyze people")
    made = tables.read(known)
    for one in made.itertuples():
        total, whole, of_indexes = database.rows(
            "select pg_total_relation_size(%s), pg_table_size(%s), pg_indexes_size(%s)",
            *[f"{one.schema}.{one.table}"] * 3,
        )[0]
        assert (one.total_bytes, one.index_bytes) == (total, of_indexes)
        assert one.table_bytes + one.toast_bytes == whole
    assert row(made, table="long").toast_bytes > 8192
    assert row(made, table="people").rows == 500
    assert row(made, table="long").rows is pd.NA
    assert list(made["total_bytes"]) == sorted(made["total_bytes"], reverse=True)


def test_columns_have_types_that_one_goes_on_filtering_by(found: Callable[..., Looked]) -> None:
    """Whole numbers, truth values and times, each with a value for unknown; not objects."""
    made = tables.read(found(PEOPLE))
    types = made.dtypes.astype(str)
    assert types["rows"] == types["total_bytes"] == "Int64"
    assert types["readable"] == "boolean"
    assert types["analyzed"] == "datetime64[us, UTC]"
    assert types["kind"] == "category"
    assert list(made.query("total_bytes > 8192")["table"]) == ["people"]


def test_every_kind_of_table_is_named_as_what_it_is(found: Callable[..., Looked]) -> None:
    """Views, partitions and foreign tables, in every schema, also with names that need quotes."""
    made = tables.read(
        found(
            """
            create schema "Weird Schema";
            create table "Weird Schema"."has.dot and ""two"" q" (id int);
            create table parted (id int) partition by range (id);
            create table parted_1 partition of parted for values from (0) to (9);
            create view seen as select 1 as one;
            create materialized view kept as select 1 as one;
            create foreign data wrapper w; create server s foreign data wrapper w;
            create foreign table far (id int) server s
            """
        )
    )
    kinds = {str(r.table): r.kind for r in made.itertuples()}
    assert kinds == {
        'has.dot and "two" q': "table",
        "parted": "partitioned table",
        "parted_1": "partition",
        "seen": "view",
        "kept": "materialized view",
        "far": "foreign table",
    }
    assert row(made, table="parted_1").part_of == "public.parted"
    assert row(made, table="seen").rows is pd.NA


def test_a_table_that_may_not_be_read_is_listed_with_the_grant(
    found: Callable[..., Looked], database: Database, reader: tuple[str, str]
) -> None:
    """Its size is known all the same; readable says no, and the GRANT is whole and works."""
    name, url = reader
    sql = 'create schema hidden; create table hidden."Secret one" (id int); create table plain ()'
    made = tables.read(found(sql, url))
    secret = row(made, table="Secret one")
    assert secret.readable is False or not secret.readable
    assert secret.grant == (
        f'GRANT USAGE ON SCHEMA hidden TO {name}; GRANT SELECT ON hidden."Secret one" TO {name}'
    )
    assert secret.total_bytes == 0
    database.execute(secret.grant)
    assert row(tables.read(found(url=url)), table="Secret one").readable
    assert "see the column grant" in frames.text(made)


def test_tables_under_an_exclusive_lock_are_shown_at_once(
    found: Callable[..., Looked], database: Database
) -> None:
    """Their size is unknown and the session is named: looking does not wait behind it."""
    known = found(f"{PEOPLE} create table free ()")
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute("lock table people in access exclusive mode")
    made = tables.read(known)
    assert row(made, table="people").total_bytes is pd.NA
    assert row(made, table="people").locked_by == str(holder.info.backend_pid)
    assert row(made, table="free").total_bytes == 0
    made = indexes.read(known)
    assert made["bytes"].isna().all()
    assert set(made["locked_by"]) == {str(holder.info.backend_pid)}


def test_an_empty_database_has_no_tables_and_says_so(found: Callable[..., Looked]) -> None:
    """Frames keep their columns and types, so that what is written for them goes on working."""
    known = found()
    made = tables.read(known)
    assert made.empty
    assert list(made.columns) == list(tables.TYPES)
    assert "no table and no view" in frames.text(made)
    for read in (indexes.read, indexes.keys_without, sequences.read):
        assert read(known).empty


def test_indexes_say_what_is_wrong_with_them(
    found: Callable[..., Looked], database: Database
) -> None:
    """Unused, doubled, covered by a longer one, invalid; and nothing of the sound ones."""
    known = found(
        """
        create table t (id int primary key, a int, b int, c text collate "C");
        create index a_b on t (a, b);
        create index a on t (a);
        create index a_part on t (a) where b > 0;
        create index a_down on t (a desc);
        create index b_1 on t (b);
        create index b_2 on t (b) with (fillfactor = 70);
        create unique index id_again on t (id);
        create index c_1 on t (c);
        create index c_2 on t (c collate "POSIX");
        insert into t select n, n, n, n from generate_series(1, 3000) as n;
        analyze t
        """
    )
    database.execute("set enable_seqscan = off; select * from t where a = 7 and b = 7")
    database.execute("update pg_index set indisvalid = false where indexrelid = 'c_2'::regclass")
    made = indexes.read(known)
    assert row(made, index="a").prefix_of == "a_b"
    for sound in ("a_part", "a_down", "c_1", "a_b"):
        assert row(made, index=sound).prefix_of is pd.NA
        assert row(made, index=sound).duplicate_of is pd.NA
    assert row(made, index="b_2").duplicate_of == "b_1"
    assert row(made, index="id_again").duplicate_of == "t_pkey"
    assert row(made, index="t_pkey").duplicate_of is pd.NA
    assert not row(made, index="c_2").valid
    assert row(made, index="c_1").unused
    assert not row(made, index="t_pkey").unused
    assert (
        row(made, index="a_b").scans
        == database.rows("select idx_scan from pg_stat_user_indexes where indexrelname = 'a_b'")[0][
            0
        ]
    )
    assert "Scans are counted since" in frames.text(made)


def test_foreign_keys_without_an_index_come_with_the_statement(
    found: Callable[..., Looked], database: Database
) -> None:
    """Run as it is shown, it mends the key, also under names that need quotes or are too long."""
    long = "n" * 60
    known = found(
        f"""
        {PEOPLE}
        create table "Order" (id int primary key, "user" int references people on delete cascade,
          {long} int references people, fine int references people,
          sparse int references people, other int references people);
        create index on "Order" (fine, id);
        create index on "Order" (sparse) where sparse is not null;
        create index on "Order" (other) where id > 0
        """
    )
    made = indexes.keys_without(known)
    assert set(made["columns"]) == {"boss", '"user"', long, "other"}
    first = row(made, columns='"user"')
    assert first.mend == ('CREATE INDEX CONCURRENTLY "ix_Order_user" ON public."Order" ("user")')
    assert (first.references, first.on_delete) == ("public.people", "cascade")
    for one in made.itertuples():
        database.execute(one.mend)
    assert indexes.keys_without(known).empty
    kept = f"ix_Order_{long}"[:63]
    assert row(indexes.read(known), index=kept).valid


def test_a_key_of_several_columns_wants_them_first_in_any_order(
    found: Callable[..., Looked],
) -> None:
    """An index that begins with only one of them does not do. A partition has its parent's."""
    made = indexes.keys_without(
        found(
            """
            create table pairs (a int, b int, primary key (a, b));
            create table good (x int, y int, foreign key (x, y) references pairs);
            create index on good (y, x);
            create table bad (x int, y int, z int, foreign key (x, y) references pairs);
            create index on bad (x, z, y);
            create table parted (x int, y int, foreign key (x, y) references pairs)
              partition by range (x);
            create table parted_1 partition of parted for values from (0) to (9)
            """
        )
    )
    assert set(made["table"]) == {"bad", "parted"}
    assert row(made, table="bad").columns == "x, y"
    assert row(made, table="parted").mend.startswith("CREATE INDEX ix_parted_x_y ON ONLY public.")


def test_the_end_of_a_sequence_is_that_of_its_column(found: Callable[..., Looked]) -> None:
    """A smallint column ends long before the bigint sequence that feeds it."""
    known = found(
        """
        create table small (id smallint generated always as identity);
        create sequence wide; create table fed (id int default nextval('wide'));
        create sequence unused maxvalue 5; create sequence down increment -1 minvalue -10;
        select setval('small_id_seq', 32000), setval('wide', 2147483647), setval('down', -5);
        """
    )
    made = sequences.read(known)
    wide = row(made, sequence="wide")
    assert (wide.end, wide.percent, wide.type) == (2147483647, 100.0, "bigint")
    assert wide.column == "public.fed.id integer"
    small = row(made, sequence="small_id_seq")
    assert (small.end, small.last_value, small.percent) == (32767, 32000, 97.7)
    assert (row(made, sequence="unused").last_value, row(made, sequence="unused").percent) == (0, 0)
    assert row(made, sequence="down").percent == 50.0
    assert list(made["sequence"])[:2] == ["wide", "small_id_seq"]
    assert "public.wide is at 100.0 % of what it can give." in frames.text(made)


def test_a_sequence_that_may_not_be_read_is_unknown_and_comes_first(
    found: Callable[..., Looked], database: Database, reader: tuple[str, str]
) -> None:
    """Never healthy where nothing could be read; the GRANT is whole and works."""
    name, url = reader
    sql = f"create sequence hidden; create sequence open; grant usage on sequence open to {name}"
    made = sequences.read(found(sql, url))
    hidden = made.iloc[0]
    assert hidden["sequence"] == "hidden"
    assert hidden["last_value"] is pd.NA
    assert hidden["percent"] is pd.NA
    assert hidden["grant"] == f"GRANT USAGE ON SEQUENCE public.hidden TO {name}"
    assert "unknown" in frames.text(made)
    database.execute(hidden["grant"])
    assert not sequences.read(found(url=url))["last_value"].isna().any()


def test_a_sequence_that_a_session_changes_is_unknown_and_the_session_named(
    found: Callable[..., Looked], database: Database
) -> None:
    """Nobody waits behind an ALTER SEQUENCE in an open transaction."""
    known = found("create sequence altered; create sequence other")
    changing = database.connect()
    changing.autocommit = False
    changing.cursor().execute("alter sequence altered increment by 2")
    began = time.monotonic()
    made = sequences.read(known)
    assert time.monotonic() - began < 2
    altered = row(made, sequence="altered")
    assert (altered.last_value, altered.locked_by) == (pd.NA, str(changing.info.backend_pid))
    assert row(made, sequence="other").last_value == 0
    assert "its pid under locked_by" in frames.text(made)


def test_types_views_functions_and_the_rest_are_all_there(found: Callable[..., Looked]) -> None:
    """Each object of the complete catalog stands in one of the frames, with owner and comment."""
    known = found(
        """
        create type mood as enum ('sad', 'it''s ok'); comment on type mood is 'how it feels';
        create domain positive as int check (value > 0);
        create function f(int) returns int language sql as 'select $1';
        create procedure p() language sql as 'select 1'; create view v as select 1 as one;
        create table t (id int); create trigger g before update on t for each row
          execute function suppress_redundant_updates_trigger();
        create policy only_one on t using (id = 1); create statistics st on id, (id + 1) from t;
        grant select on t to pg_monitor
        """
    )
    made = other_objects.read(known)
    mood = row(made.types, name="public.mood")
    assert (mood.kind, mood.comment, mood.owner) == ("enum", "how it feels", "postgres")
    assert mood.definition == "'sad', 'it''s ok'"
    assert "CHECK ((VALUE > 0))" in row(made.types, name="public.positive").definition
    assert set(made.functions["name"]) == {"public.f(integer)", "public.p()"}
    assert row(made.views, name="public.v").definition == "SELECT 1 AS one"
    assert row(made.privileges, name="table public.t TO pg_monitor").definition == "SELECT"
    assert {"trigger", "policy", "statistics", "schema"} <= set(made.rest["kind"])
    assert row(made.extensions, extension="plpgsql").newest
    assert "None:" not in str(made)


def test_a_view_whose_owner_lost_the_right_to_read_is_told(
    found: Callable[..., Looked], database: Database, reader: tuple[str, str]
) -> None:
    """Nobody can read it any more; its definition is shown all the same."""
    known = found(
        f"""
        create table t (id int); create view v as select id from t; create view w as table t;
        alter view v owner to {reader[0]}
        """
    )
    views = other_objects.read(known).views
    assert row(views, name="public.v").owner_lacks == "public.t"
    assert row(views, name="public.w").owner_lacks is pd.NA
    assert "until its owner may SELECT" in str(other_objects.read(known))


def test_reading_goes_on_while_other_sessions_change_tables(
    found: Callable[..., Looked], database: Database
) -> None:
    """A table that is dropped after the snapshot was taken is unknown, and nothing fails."""
    known = found("create table goes (id int primary key); create table stays (id int)")
    from lexikon_runbook.schema.moment import at_one

    def dropped_meanwhile(moment: Any) -> pd.DataFrame:
        moment.rows("select 1 from pg_class limit 1")
        with closing(database.connect()) as other, other.cursor() as cursor:
            cursor.execute("drop table if exists goes")
        return tables.all_of(moment)

    made = at_one(known, dropped_meanwhile)
    assert row(made, table="stays").total_bytes == 0
    assert row(made, table="goes").total_bytes is pd.NA
