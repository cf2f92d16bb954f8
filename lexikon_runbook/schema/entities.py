"""The tables, their keys and their sizes, as the diagram and the chart draw them. Reads only."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from ..postgres.catalog.locked import LOCKED
from ..postgres.catalog.tables import NOT_SYSTEM
from ..project.database import Database
from . import chart, diagram
from .chart import Chart, Size
from .diagram import Column, Diagram, Entity, Reference
from .moment import Moment, at_one

# As SQL writes it, without the schema that is meant when none is said.
NAME = """case when {1}.nspname = 'public' then quote_ident({0}.relname)
    else concat(quote_ident({1}.nspname), '.', quote_ident({0}.relname)) end"""
# A partition is part of its table, which stands for all of them.
TABLES = f"""pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and not c.relispartition and {NOT_SYSTEM}"""
SHORT = {
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "character varying": "varchar",
    "double precision": "float8",
}
COLUMNS = f"""
with drawn as materialized (select c.oid, {NAME.format("c", "n")} as name from {TABLES}),
keys as materialized (
  select conrelid as oid, unnest(conkey) as number, contype from pg_constraint
  where contype in ('p', 'u', 'f')
  union select confrelid, unnest(confkey), 'r' from pg_constraint where contype = 'f'
), kinds as materialized (
  select oid, number, bool_or(contype = 'p') as is_primary, bool_or(contype = 'f') as is_foreign
  from keys group by oid, number)
select d.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  coalesce(k.is_primary, false), coalesce(k.is_foreign, false), k.oid is not null
from drawn d left join pg_attribute a on a.attrelid = d.oid and a.attnum > 0
  and not a.attisdropped
left join kinds k on k.oid = a.attrelid and k.number = a.attnum
order by d.name collate "C", a.attnum
"""
REFERENCES = f"""
select {NAME.format("c", "n")},
  (select array_agg(a.attname order by u.at) from unnest(k.conkey) with ordinality u (number, at)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number)::text[],
  {NAME.format("r", "m")},
  (select array_agg(a.attname order by u.at) from unnest(k.confkey) with ordinality u (number, at)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number)::text[],
  case k.confdeltype when 'c' then 'ON DELETE CASCADE' when 'n' then 'ON DELETE SET NULL'
    when 'd' then 'ON DELETE SET DEFAULT' else '' end,
  exists (select from pg_attribute a where a.attrelid = k.conrelid
    and a.attnum = any (k.conkey) and not a.attnotnull),
  exists (select from pg_index i where i.indrelid = k.conrelid and i.indisunique
    and i.indpred is null and i.indnkeyatts = cardinality(k.conkey)
    and i.indkey::int2[] <@ k.conkey)
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace join pg_class r on r.oid = k.confrelid
join pg_namespace m on m.oid = r.relnamespace
where k.contype = 'f' and not c.relispartition and not r.relispartition and {NOT_SYSTEM}
order by 1, k.conname
"""
# A partitioned table takes what its leaves take.
SIZES = f"""
with {LOCKED}
select {NAME.format("c", "n")}, coalesce(sum(pg_table_size(l.oid)
    - coalesce(pg_total_relation_size(nullif(l.reltoastrelid, 0)), 0)), 0)::bigint,
  coalesce(sum(pg_indexes_size(l.oid)), 0)::bigint,
  coalesce(sum(pg_total_relation_size(nullif(l.reltoastrelid, 0))), 0)::bigint,
  count(held.oid)
from (select c.* from {TABLES}) as c join pg_namespace n on n.oid = c.relnamespace,
lateral (select relid from pg_partition_tree(c.oid) where isleaf
  union select c.oid where c.relkind <> 'p') as leaf (oid)
left join held on held.oid = leaf.oid
left join pg_class l on l.oid = leaf.oid and held.oid is null
group by c.oid, c.relnamespace, c.relname, n.nspname
"""


def draw(found: Database) -> Diagram:
    """Every table but Alembic's own, and the foreign keys between them. Reads only."""
    columns, keys = at_one(found, lambda moment: (moment.rows(COLUMNS), moment.rows(REFERENCES)))
    entities = [
        Entity(name, tuple(_column(*row[1:]) for row in rows if row[1] is not None))
        for name, rows in groupby(columns, key=lambda row: str(row[0]))
        if name != found.version_table.removeprefix("public.")
    ]
    references = [
        Reference(source, tuple(own), target, tuple(other), action, optional, single)
        for source, own, target, other, action, optional, single in keys
    ]
    return diagram.draw(entities, references)


def _column(name: str, type_: str, *flags: bool) -> Column:
    for long, short in SHORT.items():
        type_ = type_.replace(long, short)
    return Column(name, type_.removeprefix("public."), *flags)


def sizes(found: Database) -> Chart:
    """What the tables take on disk. Reads only; one that is locked is left out, and named."""
    rows = at_one(found, _sizes)
    measured = [Size(*row[:4]) for row in rows if not row[4]]
    return chart.of(measured, [str(row[0]) for row in rows if row[4]])


def _sizes(moment: Moment) -> list[tuple[Any, ...]]:
    return moment.rows(SIZES)
