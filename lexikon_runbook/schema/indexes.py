"""All indexes with what is wrong with them, and foreign keys without one. Reads only.

Scans are counted since the statistics were last reset, on this server only: an index that is
used on a standby alone looks unused here.
"""

from __future__ import annotations

import pandas as pd

from ..postgres.catalog.locked import LOCKED
from ..postgres.catalog.tables import NOT_SYSTEM
from ..project.database import Database
from .frames import NOTES, set_aside
from .moment import Moment, at_one

LONGEST_NAME = 63  # bytes; NAMEDATALEN - 1
TYPES = {
    "schema": "category",
    "table": "string",
    "index": "string",
    "kind": "category",
    "using": "string",
    "bytes": "Int64",
    "scans": "Int64",
    "valid": "boolean",
    "unused": "boolean",
    "duplicate_of": "string",
    "prefix_of": "string",
    "definition": "string",
    "locked_by": "string",
    "comment": "string",
}
HELD = (
    "Definition and size are unknown, and the index is compared with no other, where a session "
    "(its pid under locked_by) holds or waits for an exclusive lock on the table."
)
RESET = "select stats_reset from pg_stat_database where datname = current_database()"

# Two indexes are the same when all but their names is; one is the prefix of another when the
# other begins with its columns. Expressions and predicates are compared as they are printed.
INDEXES = rf"""
with {LOCKED}, every as materialized (
  select i.*, x.relname as name, n.nspname as schema, t.relname as table_name, x.relkind,
    k.conname, k.contype, m.amname, held.pids, d.definition, regexp_replace(d.definition,
      '^.*? USING | NULLS NOT DISTINCT| WITH \([^)]*\)', '', 'g') as body,
    string_to_array(i.indkey::text, ' ') as keys, string_to_array(i.indclass::text, ' ') as classes,
    string_to_array(i.indcollation::text, ' ') as collations,
    string_to_array(i.indoption::text, ' ') as options,
    case when i.indpred is null then '' else
      substring(d.definition from ' WHERE .*$') end as predicate
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace join pg_am m on m.oid = x.relam
  left join held on held.oid = i.indrelid
  left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'),
  lateral (select case when held.oid is null then pg_get_indexdef(i.indexrelid) end
  ) as d (definition)
  where {NOT_SYSTEM} and (%(table)s::oid is null or i.indrelid = %(table)s::oid)
), ranked as (
  select indexrelid, row_number() over best as rank, first_value(name) over best as kept
  from every where body is not null
  window best as (partition by indrelid, body order by indisvalid desc, indisprimary desc,
    conname is null, indisunique desc, indexrelid)
), covered as (
  select distinct on (r.indexrelid) r.indexrelid, w.name
  from every r join every w on w.indrelid = r.indrelid
  where w.indexrelid <> r.indexrelid and not r.indisunique and r.indexprs is null
    and r.indnatts = r.indnkeyatts and r.amname = 'btree' and w.amname = 'btree' and w.indisvalid
    and w.indnkeyatts > r.indnkeyatts and w.predicate = r.predicate
    and w.keys[:r.indnkeyatts] = r.keys and w.classes[:r.indnkeyatts] = r.classes
    and w.collations[:r.indnkeyatts] = r.collations and w.options[:r.indnkeyatts] = r.options
  order by r.indexrelid, w.indnkeyatts, w.name
)
select e.schema, e.table_name, e.name,
  case when e.contype is not null then case e.contype when 'p' then 'primary key'
    when 'u' then 'unique constraint' else 'exclusion constraint' end
    when e.indisunique then 'unique index' else 'index' end,
  regexp_replace(e.definition, '^.*? USING ', ''),
  case when e.pids is null then pg_relation_size(e.indexrelid) end,
  case when e.relkind = 'i' then pg_stat_get_numscans(e.indexrelid) end,
  e.indisvalid, e.relkind = 'i' and pg_stat_get_numscans(e.indexrelid) = 0 and not e.indisunique
    and e.conname is null and not e.indisreplident and not e.indisclustered,
  case when r.rank > 1 then r.kept end, c.name,
  e.definition, e.pids, obj_description(e.indexrelid, 'pg_class')
from every e left join ranked r using (indexrelid) left join covered c using (indexrelid)
order by e.schema, e.table_name, e.indisprimary desc, e.name
"""

KEY_TYPES = {
    "schema": "category",
    "table": "string",
    "constraint": "string",
    "columns": "string",
    "references": "string",
    "on_delete": "category",
    "rows": "Int64",
    "mend": "string",
}
# An index serves a foreign key when its first columns are those of the key, in any order.
# PostgreSQL's own check looks for `column = value`, which implies IS NOT NULL. The cast to `name`
# cuts a long name as PostgreSQL would.
UNINDEXED = f"""
with {LOCKED}
select n.nspname, c.relname, k.conname, k.listed, k.confrelid::regclass::text,
  case k.confdeltype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade'
    when 'n' then 'set null' else 'set default' end,
  case when c.reltuples >= 0 then c.reltuples::bigint end,
  case c.relkind when 'p' then format('CREATE INDEX %1$I ON ONLY %2$I.%3$I (%4$s); then CREATE '
      'INDEX CONCURRENTLY on each partition, and ALTER INDEX %1$I ATTACH PARTITION each of them',
      k.index_name, n.nspname, c.relname, k.listed)
    else format('CREATE INDEX CONCURRENTLY %I ON %I.%I (%s)', k.index_name, n.nspname,
      c.relname, k.listed) end
from (select k.*, array_length(conkey, 1) as width, u.*,
      concat('ix_', r.relname, '_', u.joined)::name as index_name
    from pg_constraint k join pg_class r on r.oid = k.conrelid, lateral (
      select string_agg(quote_ident(a.attname), ', ' order by u.at),
        string_agg(a.attname, '_' order by u.at), (array_agg(a.attname order by u.at))[1]
      from unnest(k.conkey) with ordinality as u (number, at)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    ) as u (listed, joined, first)
    where k.contype = 'f' and k.conparentid = 0) as k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
left join held on held.oid = c.oid
where {NOT_SYSTEM} and not exists (
  select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
  where i.indrelid = k.conrelid and i.indisvalid and m.amname in ('btree', 'hash')
    and i.indnkeyatts >= k.width
    and (string_to_array(i.indkey::text, ' ')::int2[])[:k.width] @> k.conkey
    and (string_to_array(i.indkey::text, ' ')::int2[])[:k.width] <@ k.conkey
    and (i.indpred is null or (k.width = 1 and held.oid is null and right(
      pg_get_indexdef(i.indexrelid), length(quote_ident(k.first)) + 21)
      = ' WHERE (' || quote_ident(k.first) || ' IS NOT NULL)')))
order by c.reltuples desc, 1, 2, 3
"""


def read(found: Database) -> pd.DataFrame:
    """Every index with its definition, size and scans, and what is wrong with it. Reads only."""
    return set_aside(at_one(found, all_of), "definition")


def all_of(moment: Moment, table: int | None = None) -> pd.DataFrame:
    """The same, in a moment that is already there; of one table, if its number is given."""
    (since,) = moment.rows(RESET)[0]
    begun = f"since {since:%Y-%m-%d %H:%M} UTC" if since else "since the database was made"
    notes = [f"Scans are counted {begun}, on this server only; standbys keep their own count."]
    made = moment.frame(INDEXES, TYPES, {"table": table}, notes)
    if made["locked_by"].notna().any():
        made.attrs[NOTES].append(HELD)
    return made


def wrong(indexes: pd.DataFrame) -> pd.DataFrame:
    """Those of the indexes that cost more than they give. Pure."""
    flags = ~indexes["valid"] | indexes["unused"]
    doubled = indexes["duplicate_of"].notna() | indexes["prefix_of"].notna()
    return indexes[(flags | doubled).fillna(False)]


def keys_without(found: Database) -> pd.DataFrame:
    """The foreign keys with no index under them, and the CREATE INDEX for each. Reads only.

    Without one, each delete or key change in the referenced table reads the whole referencing
    table, and holds its locks meanwhile.
    """
    return at_one(found, lambda moment: moment.frame(UNINDEXED, KEY_TYPES))
