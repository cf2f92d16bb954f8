"""Indexes and keys are spelt as PostgreSQL spells them, and a big schema costs what its size is."""

from __future__ import annotations

import threading
import time

import pytest
from psycopg2 import OperationalError
from servers import Database

from lexikon_runbook.postgres import catalog
from lexikon_runbook.postgres.catalog import Catalog

TYPES = """
create schema "Other Shop";
create type mood as enum ('sad', 'glad'); create domain word as text;
create domain feeling as mood; create type pair as (a int, b int);
create table gone (was int); create table "Select" (gone int, id int primary key);
alter table "Select" drop gone;
create table t (gone int, id int, n bigint, w text, v varchar(20), c char(3), m mood, d word,
  f feeling, i inet, ci cidr, ia int[], ma mood[], j jsonb, u uuid, p pair, nm name, r int4range,
  s tsvector, at timestamptz, "order" int, "Mixed Q" text, k text collate "C");
alter table t drop gone;
"""
# An operator class of one's own that is the default of varchar, or of one enum, changes what
# PostgreSQL prints for every index on that type.
OWN = """
create operator class own_varchar default for type varchar using hash as
  operator 1 =(text, text), function 1 hashtext(text);
create operator class own_mood default for type mood using hash as
  operator 1 =(anyenum, anyenum), function 1 hashenum(anyenum);
"""
INDEXES = """
create index on t (id); create unique index on t (n); create index on t (w); create index on t (v);
create index on t (c); create index on t (m); create index on t (d); create index on t (f);
create index on t (i); create index on t (ci); create index on t (ia); create index on t (ma);
create index on t (u); create index on t (p); create index on t (nm); create index on t (at);
create index on t ("order", "Mixed Q", id); create index on t (k); create index on t (id, id);
create index on t (j); create index on t (r); create index on t (s);
create index on t (id desc); create index on t (id nulls first); create index on t (n desc, id);
create index on t (w collate "C"); create index on t (k collate "default");
create index on t (w text_pattern_ops); create index on t (v varchar_pattern_ops);
create index on t (v varchar_ops); create index on t (id) include (n); create index on t ((id + 1));
create index on t (id, lower(w)); create index on t (id) where n > 3;
create index on t (id) with (fillfactor = 50); create unique index on t (m, v, id);
create index on t using hash (w); create index on t using hash (v);
create index on t using hash (m);
create index on t using hash (id); create index on t using gin (j);
create index on t using gin (j jsonb_path_ops); create index on t using gin (ia);
create index on t using gist (r); create index on t using gist (s tsvector_ops(siglen = 100));
create index on t using brin (at); create index on t using brin (id int4_minmax_multi_ops);
create index "A b" on t (id); create index on "Select" (id);
create table "Other Shop".parts (id int, at date) partition by range (at);
create index on "Other Shop".parts (id, at);
create table "Other Shop".one partition of "Other Shop".parts
  for values from (minvalue) to (maxvalue);
create materialized view seen as select id, w from t; create unique index on seen (id);
"""
CONSTRAINTS = """
alter table t add primary key (id, n); alter table t add unique (n, id);
alter table t add unique (n, w);
alter table t add unique (v) deferrable; alter table t add unique (id) include (w);
alter table t add constraint "Own Name" unique ("Mixed Q", "order");
alter table t add unique (u) deferrable initially deferred; alter table t add unique (id);
alter table t add exclude using gist (r with &&); alter table t add check (id > 0 and w <> 'a;b');
alter table "Other Shop".parts add primary key (id, at);
"""
FOREIGN = """
create table refers (id int, n bigint, s int, p int, q date, o int, x text);
alter table refers add primary key (s); alter table refers add foreign key (o) references refers;
alter table refers add foreign key (id, n) references t;
alter table refers add foreign key (n, id) references t (n, id) on delete cascade;
alter table refers add foreign key (id) references t (id) on delete restrict;
alter table refers add foreign key (id) references t (id) on delete set null;
alter table refers add foreign key (id) references t (id) on delete set default;
alter table refers add foreign key (id) references t (id) on update cascade;
alter table refers add foreign key (id) references t (id) on update restrict on delete cascade;
alter table refers add foreign key (id, n) references t match full;
alter table refers add foreign key (id) references t (id) not valid;
alter table refers add foreign key (id) references t (id) deferrable initially deferred;
alter table refers add foreign key (o) references "Select" on delete cascade;
alter table refers add foreign key (p, q) references "Other Shop".parts;
alter table t add foreign key ("order") references "Select";
"""
NEWER = {
    150000: """create unique index on t (n, id) nulls not distinct;
alter table t add unique nulls not distinct (w);
alter table refers add foreign key (id, n) references t on delete set null (n);""",
    180000: """create table booked (room int4range, during daterange,
  primary key (room, during without overlaps));
create table guest (room int4range, during daterange,
  foreign key (room, period during) references booked (room, period during));
alter table refers add foreign key (id) references t (id) not enforced;""",
}
SPELT = """
select 'index', quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_indexdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('i', 'I') and n.nspname in ('public', 'Other Shop')
  and not exists (select from pg_constraint where conindid = c.oid and contype in ('p', 'u', 'x'))
union all
select 'constraint', concat_ws('.', quote_ident(n.nspname), quote_ident(c.relname),
  quote_ident(k.conname)), pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace where k.contype in ('p', 'u', 'x', 'f', 'c')
  and n.nspname in ('public', 'Other Shop')
"""
CHAIN = """do $$ begin for n in {} .. {} loop execute format('create table t%s (
  id int primary key, up int references t%s, name text default ''x'' check (name <> ''''));
  create index on t%s (name)', n, n - 1, n); end loop; end $$"""


def spelt_otherwise(database: Database) -> dict[tuple[str, str], tuple[str, str]]:
    """What the catalog spells otherwise than pg_get_indexdef and pg_get_constraintdef do."""
    reader = database.connect(options="-c search_path=pg_catalog")
    objects = catalog.read(reader).objects
    with reader.cursor() as cursor:
        cursor.execute(SPELT)
        spelt = {(kind, name): text for kind, name, text in cursor.fetchall()}
    assert spelt.keys() == {key for key in objects if key[0] in ("index", "constraint")}
    return {
        key: (text, objects[key])
        for key, text in spelt.items()
        if objects[key] != text and not objects[key].startswith(f"{text}; ")
    }


def seconds(database: Database) -> tuple[float, Catalog]:
    """The shortest of three readings, and what was read."""
    reader, took = database.connect(), []
    for _ in range(3):
        began = time.perf_counter()
        found = catalog.read(reader)
        assert found.fingerprint
        took.append(time.perf_counter() - began)
    return min(took), found


def test_every_index_and_key_is_spelt_as_postgresql_spells_it(database: Database) -> None:
    """What is read in bulk is the very text that PostgreSQL gives one by one."""
    database.execute(TYPES + INDEXES + CONSTRAINTS + FOREIGN)
    version = database.connect().info.server_version
    for since, sql in NEWER.items():
        if version >= since:
            database.execute(sql)
    assert spelt_otherwise(database) == {}


def test_an_operator_class_of_one_s_own_is_spelt_where_postgresql_spells_it(
    database: Database,
) -> None:
    """A default operator class of one's own changes what every index on its type is called."""
    database.execute(f"{TYPES} create index usual on t using hash (v); {OWN}")
    database.execute("create index own on t using hash (v); create index on t using hash (m)")
    assert spelt_otherwise(database) == {}
    objects = catalog.read(database.connect()).objects
    assert objects["index", "public.usual"].endswith("hash (v text_ops)")
    assert objects["index", "public.own"].endswith("hash (v)")


def test_ten_times_the_tables_cost_ten_times_as_much(database: Database) -> None:
    """A chain of 1,500 tables is read without recursion, and no query compares all pairs."""
    database.execute("create table t0 (id int primary key)")
    database.execute(CHAIN.format(1, 150))
    few, _ = seconds(database)
    for first in range(151, 1500, 450):
        database.execute(CHAIN.format(first, first + 449))
    many, found = seconds(database)
    assert sum(kind == "table" for kind, _ in found.objects) == 1501
    assert ("constraint", "public.t1500.t1500_up_fkey") in found.objects
    assert many < 30 * few


def test_a_big_schema_is_one_moment_of_it(database: Database) -> None:
    """What is read on two connections never shows half of somebody's transaction."""
    database.execute(
        "do $$ begin for n in 1 .. 1000 loop execute format('create view v%s as select 1 as one',"
        " n); end loop; end $$; create table t (id int)"
    )
    reader, ended, seen = database.connect(), threading.Event(), set()

    def add_and_drop() -> None:
        writer = database.connect()
        with writer.cursor() as cursor:
            while not ended.is_set():
                cursor.execute(
                    "begin; alter table t add more int; create index i on t (more); commit"
                )
                cursor.execute("alter table t drop more")

    writing = threading.Thread(target=add_and_drop)
    writing.start()
    try:
        while writing.is_alive() and seen != {True, False}:
            objects = catalog.read(reader).objects
            column, index = ("column", "public.t.more"), ("index", "public.i")
            assert (column in objects) == (index in objects)
            seen.add(column in objects)
    finally:
        ended.set()
        writing.join()
    assert seen == {True, False}


def test_a_big_schema_is_read_where_no_second_connection_is_to_be_had(database: Database) -> None:
    """A server at its limit of connections is read all the same, and reads the same."""
    role = f"{database.name}_one"
    database.execute("create table t0 (id int primary key)")
    database.execute(CHAIN.format(1, 400) + ";" + CHAIN.format(401, 1000))
    database.execute(f"create role {role} login connection limit 1 password 'x'")
    try:
        alone = database.connect(user=role, password="x")
        with pytest.raises(OperationalError, match="too many connections"):
            database.connect(user=role, password="x")
        assert catalog.read(alone) == catalog.read(database.connect())
        alone.close()
    finally:
        database.execute(f"drop role {role}")


def test_a_table_of_1600_columns_is_read_whole(database: Database) -> None:
    """The widest table that PostgreSQL allows, with indexes on its last columns."""
    columns = ", ".join(f"c{n} int default {n}" for n in range(1, 1601))
    indexes = ";".join(f"create index i{n} on wide (c{n}, c1)" for n in range(1501, 1601))
    database.execute(f"create table wide ({columns}); {indexes}")
    objects = catalog.read(database.connect()).objects
    assert sum(kind == "column" for kind, _ in objects) == 1600
    assert objects["columns", "public.wide"].endswith(", c1599, c1600")
    assert objects["index", "public.i1600"].endswith("USING btree (c1600, c1)")
