"""The SQL that reads what is made of columns: their order, indexes and constraints, as in `tables`.

pg_get_indexdef and pg_get_constraintdef look every part up by itself, 30 to 70 us a call in a new
session. So they are asked only about what has more to say than names that were read anyway; a
test holds the two spellings together. A CHECK is always theirs.
"""

from __future__ import annotations

from .tables import OPTIONS, RELATION

INDEX_STATE = """
  case when not i.indisvalid then 'INVALID' end, case when i.indisclustered then 'CLUSTER' end,
  case when i.indisreplident then 'REPLICA IDENTITY' end,
  case when x.reltablespace > 0 then 'tablespace ' ||
    (select quote_ident(spcname) from pg_tablespace where oid = x.reltablespace) end,
  case when x.relispartition then 'partition of ' ||
    (select inhparent::regclass from pg_inherits where inhrelid = x.oid) end,
  case when i.indexprs is not null then 'statistics ' || (select string_agg(
    concat(attnum, '=', attstattarget), ', ' order by attnum)
    from pg_attribute where attrelid = x.oid and attstattarget >= 0) end"""
TRIGGERS_DISABLED = """case when k.oid in (select tgconstraint from pg_trigger
    where tgisinternal and tgenabled <> 'O') then 'TRIGGERS DISABLED' end"""

# An index is plain when each key is a whole column with its own collation, ascending, and with
# the default operator class of its type: varchar's and an enum's are those of text and anyenum,
# unless they have their own. Where a column of the catalog is newer than PostgreSQL 14, the name
# is found one level up on the older servers.
NAMES = f"""
with relation as materialized (select r.oid, r.name, r.schema, r.relname, r.relkind
  from {RELATION} where r.relkind in ('r', 'p', 'f', 'm')),
names as materialized (
  select r.oid as relation, array_agg(quote_ident(a.attname) order by a.attnum) as each,
    string_agg(quote_ident(a.attname), ', ' order by a.attnum)
      filter (where not a.attisdropped) as columns,
    array_agg(a.atttypid order by a.attnum) as types,
    array_agg(a.attcollation order by a.attnum) as collations
  from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0
  group by r.oid),
defaults as materialized (
  select o.oid as opclass, t.oid as type from pg_am m join pg_opclass o on o.opcmethod = m.oid
  join pg_type t on o.opcintype = case when t.typtype = 'e' then 'anyenum'::regtype
    when t.oid = 'varchar'::regtype then 'text'::regtype else t.oid end
  where m.amname in ('btree', 'hash') and o.opcdefault and o.oid < 16384 and not exists (
    select from pg_opclass w where w.opcmethod = m.oid and w.opcintype = t.oid and w.oid <> o.oid
      and w.opcdefault)),
plain as materialized (
  select i.indexrelid, string_agg(n.each[k.attnum], ', ' order by k.n) as columns
  from (select false as indnullsnotdistinct) as before_15, lateral (
    select i.*, indnullsnotdistinct as nulls_equal from pg_index i) as i
  join names n on n.relation = i.indrelid
  cross join unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[])
    with ordinality as k (attnum, opclass, collated, n)
  group by i.indexrelid
  having bool_and(i.indexprs is null and i.indpred is null and i.indnatts = i.indnkeyatts
    and not i.nulls_equal and 0 = all (i.indoption) and k.collated = n.collations[k.attnum]
    and (k.opclass, n.types[k.attnum]) in (select opclass, type from defaults)))
"""
# The columns of a key, in its order.
KEY = """(select string_agg({0}.each[k], ', ' order by n)
      from unnest({1}) with ordinality as u (k, n))"""
KEYS = f"""{NAMES}
select 'columns', r.name, coalesce(n.columns, '') from relation r
left join names n on n.relation = r.oid where r.relkind in ('r', 'p', 'f')
union all
select case when k.oid is null then 'index' else 'constraint' end,
  case when k.oid is null then r.schema || '.' || quote_ident(x.relname)
    else r.name || '.' || quote_ident(k.conname) end,
  concat_ws('; ', case
    when k.contype in ('p', 'u') and not k.condeferrable and am.amname = 'btree' then
      coalesce(case k.contype when 'p' then 'PRIMARY KEY (' else 'UNIQUE (' end
        || plain.columns || ')', pg_get_constraintdef(k.oid))
    when k.oid is not null then pg_get_constraintdef(k.oid)
    when x.reloptions is not null then pg_get_indexdef(x.oid)
    else coalesce(concat('CREATE ', case when i.indisunique then 'UNIQUE ' end, 'INDEX ',
        quote_ident(x.relname), ' ON ', case x.relkind when 'I' then 'ONLY ' end, r.name,
        ' USING ', quote_ident(am.amname)) || ' (' || plain.columns || ')',
      pg_get_indexdef(x.oid)) end,
    case when k.oid is not null then 'with ' || {OPTIONS.format("x.reloptions")} end,
    {TRIGGERS_DISABLED}, {INDEX_STATE})
from relation r join pg_index i on i.indrelid = r.oid join pg_class x on x.oid = i.indexrelid
join pg_am am on am.oid = x.relam
left join pg_constraint k on k.conindid = x.oid and k.contype in ('p', 'u', 'x')
left join plain on plain.indexrelid = x.oid
union all
select 'constraint', r.name || '.' || quote_ident(k.conname), concat_ws('; ',
  case when k.contype = 'f' and k.confmatchtype = 's' and k.confupdtype = 'a'
      and k.confdeltype in ('a', 'c', 'r') and k.convalidated and not k.condeferrable
      and not k.period
    then coalesce(concat('FOREIGN KEY (', {KEY.format("n", "k.conkey")}, ') REFERENCES ') || f.name
      || '(' || {KEY.format("m", "k.confkey")} || ')' || case k.confdeltype
        when 'c' then ' ON DELETE CASCADE' when 'r' then ' ON DELETE RESTRICT' else '' end,
      pg_get_constraintdef(k.oid))
    else pg_get_constraintdef(k.oid) end, {TRIGGERS_DISABLED})
from relation r join (
  select k.* from (select false as conperiod) as before_18, lateral (
    select k.*, conperiod as period from pg_constraint k) as k) as k on k.conrelid = r.oid
left join names n on n.relation = r.oid
left join names m on m.relation = k.confrelid left join relation f on f.oid = k.confrelid
where k.contype in ('c', 'f')
"""

QUERIES = (KEYS,)
