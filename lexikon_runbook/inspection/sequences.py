"""Sequences, and how near the end each is. Reads only.

The end is the nearest of three: the sequence's own maximum, and the range of the columns that
take their numbers from it, which may be smaller.
"""

from __future__ import annotations

import pandas as pd

from ..catalog.tables import NOT_SYSTEM
from ..reached import Reached
from .moment import LOCKED, at_one

WORRYING = 80.0  # percent
TYPES = {
    "schema": "category",
    "sequence": "string",
    "column": "string",
    "type": "category",
    "last_value": "Int64",
    "end": "Int64",
    "percent": "Float64",
    "increment": "Int64",
    "cycles": "boolean",
    "grant": "string",
}
# Whose default calls it, and whose it is: pg_depend knows both.
SEQUENCES = f"""
with {LOCKED}, users as (
  select coalesce(own.seq, used.seq) as seq, a.attrelid, a.attname, a.atttypid,
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
)
select n.nspname, c.relname, u.columns, format_type(s.seqtypid, null), v.last, e.most,
  case when v.last is not null then
    round(greatest(100 * (v.last::numeric - s.seqstart + s.seqincrement)
      / nullif(e.most::numeric - s.seqstart + s.seqincrement, 0), 0), 1)::float8 end,
  s.seqincrement, s.seqcycle,
  nullif(concat_ws('; ',
    case when not has_schema_privilege(n.oid, 'usage') then concat('GRANT USAGE ON SCHEMA ',
      quote_ident(n.nspname), ' TO ', quote_ident(current_user)) end,
    case when not v.readable then concat('GRANT USAGE ON SEQUENCE ', quote_ident(n.nspname), '.',
      quote_ident(c.relname), ' TO ', quote_ident(current_user)) end), '')
from pg_sequence s join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
left join locked on locked.oid = c.oid
left join (
  select seq, min(most) as most, string_agg(concat(attrelid::regclass, '.', quote_ident(attname),
    ' ', format_type(atttypid, null)), ', ' order by attrelid::regclass::text, attname) as columns
  from users group by seq) as u on u.seq = c.oid,
lateral (select has_sequence_privilege(c.oid, 'usage, select')) as r (readable),
lateral (select r.readable, case when locked.oid is null and r.readable
  and not (c.relpersistence = 'u' and pg_is_in_recovery())
  then coalesce(pg_sequence_last_value(c.oid), s.seqstart - s.seqincrement) end
) as v (readable, last),
lateral (select case when s.seqincrement < 0 then s.seqmin else least(s.seqmax, u.most) end
) as e (most)
where {NOT_SYSTEM}
order by 7 desc nulls first, 1, 2
"""
LAST = "last_value is the last number given out; of an unused sequence the one before its first."
UNKNOWN = "Where last_value is unknown, this role may not read it: see the column grant."


def read(found: Reached) -> pd.DataFrame:
    """Every sequence, the nearest to its end first, those that can't be read before. Reads only."""
    made = at_one(found, lambda moment: moment.frame(SEQUENCES, TYPES))
    made.attrs["notes"] = _notes(made)
    return made


def _notes(made: pd.DataFrame) -> list[str]:
    if made.empty:
        return []
    near = made[(made["percent"] >= WORRYING).fillna(False)]
    said = [
        f"{row.schema}.{row.sequence} is at {row.percent:.1f} % of what it can give."
        for row in near.itertuples()
    ]
    return [*said, LAST, *([UNKNOWN] if made["grant"].notna().any() else [])]
