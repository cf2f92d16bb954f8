"""Sequences, and how near the end each is, as SQL.

The end is the nearest of three: the sequence's own maximum, and the range of the columns that
take their numbers from it, which may be smaller.
"""

from __future__ import annotations

from .locked import LOCKED_FOR_WRITERS
from .tables import NOT_SYSTEM

# Whose default calls it, and whose it is: pg_depend knows both. `filled` is the narrowest column.
SEQUENCES = f"""
with {LOCKED_FOR_WRITERS}, users as (
  select coalesce(own.seq, used.seq) as seq,
    concat(quote_ident(n.nspname), '.', quote_ident(c.relname)) as "table",
    quote_ident(a.attname) as "column", format_type(a.atttypid, null) as type,
    case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647 end as most
  from (
    select d.objid as seq, d.refobjid as rel, d.refobjsubid as number from pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
      and d.deptype in ('a', 'i') and d.refobjsubid > 0
  ) as own full join (
    select d.refobjid as seq, f.adrelid as rel, f.adnum::int as number
    from pg_depend d join pg_attrdef f on f.oid = d.objid
    where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
  ) as used using (seq, rel, number)
  join pg_attribute a on a.attrelid = rel and a.attnum = number
  join pg_class c on c.oid = rel join pg_namespace n on n.oid = c.relnamespace
), filled as (
  select seq, min(most) as most,
    string_agg(concat("table", '.', "column", ' ', type), ', ' order by "table", "column")
      as columns,
    (array_agg(array["table", "column", type] order by most, "table", "column"))[1:1] as narrowest
  from users group by seq
), sequences as (
  select n.nspname as schema, c.relname as sequence, u.columns, format_type(s.seqtypid, null)
      as type, v.last as last_value, e.most,
    case when v.last is not null then
      round(greatest(100 * (v.last::numeric - s.seqstart + s.seqincrement)
        / nullif(e.most::numeric - s.seqstart + s.seqincrement, 0), 0), 1)::float8 end as percent,
    s.seqincrement as increment, s.seqcycle as cycles, locked.pids as locked_by,
    nullif(concat_ws('; ',
      case when not has_schema_privilege(n.oid, 'usage') then concat('GRANT USAGE ON SCHEMA ',
        quote_ident(n.nspname), ' TO ', quote_ident(current_user)) end,
      case when not v.readable then concat('GRANT USAGE ON SEQUENCE ', quote_ident(n.nspname), '.',
        quote_ident(c.relname), ' TO ', quote_ident(current_user)) end), '') as "grant",
    concat(quote_ident(n.nspname), '.', quote_ident(c.relname)) as name,
    coalesce(u.narrowest[1][1], '') as "table", coalesce(u.narrowest[1][2], '') as "column",
    coalesce(u.narrowest[1][3], '') as column_type
  from pg_sequence s join pg_class c on c.oid = s.seqrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join locked on locked.oid = c.oid
  left join filled u on u.seq = c.oid,
  lateral (select has_sequence_privilege(c.oid, 'usage, select')) as r (readable),
  lateral (select r.readable, case when locked.oid is null and r.readable
    and not (c.relpersistence = 'u' and pg_is_in_recovery())
    then coalesce(pg_sequence_last_value(c.oid), s.seqstart - s.seqincrement) end
  ) as v (readable, last),
  lateral (select case when s.seqincrement < 0 then s.seqmin else least(s.seqmax, u.most) end
  ) as e (most)
  where {NOT_SYSTEM}
)"""
