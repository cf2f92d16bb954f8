"""All tables and views, with sizes, row estimates and upkeep. Reads only.

Sizes are those of pg_total_relation_size and its parts, bytes on disk; a partitioned table has
none of its own. Rows are PostgreSQL's own estimate (pg_class.reltuples), unknown until a table
was first vacuumed or analyzed.
"""

from __future__ import annotations

import pandas as pd

from ..postgres.catalog.locked import LOCKED
from ..postgres.catalog.tables import NOT_SYSTEM
from ..project.database import Database
from .frames import TIME
from .moment import Moment, at_one

KIND = """case {0}.relkind when 'p' then 'partitioned table' when 'f' then 'foreign table'
    when 'm' then 'materialized view' when 'v' then 'view'
    else case when {0}.relispartition then 'partition' else 'table' end end"""
# A name as SQL writes it; and the GRANTs that are missing for a SELECT, or nothing.
GRANT = """nullif(concat_ws('; ',
    case when not has_schema_privilege({0}.relnamespace, 'usage') then concat('GRANT USAGE ON '
      'SCHEMA ', quote_ident({1}.nspname), ' TO ', quote_ident(current_user)) end,
    case when not has_table_privilege({0}.oid, 'select') then concat('GRANT SELECT ON ',
      quote_ident({1}.nspname), '.', quote_ident({0}.relname), ' TO ',
      quote_ident(current_user)) end), '')"""
TYPES = {
    "schema": "category",
    "table": "string",
    "kind": "category",
    "rows": "Int64",
    "total_bytes": "Int64",
    "table_bytes": "Int64",
    "index_bytes": "Int64",
    "toast_bytes": "Int64",
    "dead_rows": "Int64",
    "analyzed": TIME,
    "vacuumed": TIME,
    "part_of": "string",
    "owner": "category",
    "readable": "boolean",
    "grant": "string",
    "locked_by": "string",
    "comment": "string",
}
TABLES = f"""
with {LOCKED}
select n.nspname, c.relname, {KIND.format("c")},
  case when c.relkind <> 'v' and c.reltuples >= 0 then c.reltuples::bigint end,
  s.total, s.tables - coalesce(s.toast, 0), s.indexes,
  case when s.total is not null then coalesce(s.toast, 0) end,
  case when c.relkind in ('r', 'm') then pg_stat_get_dead_tuples(c.oid) end,
  greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)),
  greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)),
  parent.names, pg_get_userbyid(c.relowner),
  has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'),
  {GRANT.format("c", "n")}, held.pids, obj_description(c.oid, 'pg_class')
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join held on held.oid = c.oid
left join (select inhrelid, string_agg(inhparent::regclass::text, ', ' order by inhseqno) as names
  from pg_inherits group by inhrelid) as parent on parent.inhrelid = c.oid,
lateral (select
  case when held.oid is null then pg_total_relation_size(c.oid) end,
  case when held.oid is null then pg_table_size(c.oid) end,
  case when held.oid is null then pg_indexes_size(c.oid) end,
  case when held.oid is null then pg_total_relation_size(nullif(c.reltoastrelid, 0)) end
) as s (total, tables, indexes, toast)
where c.relkind in ('r', 'p', 'f', 'm', 'v') and {NOT_SYSTEM}
order by s.total desc nulls first, n.nspname, c.relname
"""


def read(found: Database) -> pd.DataFrame:
    """Every table and view of the user's schemas, the largest first. Reads only."""
    made = at_one(found, all_of)
    made.attrs["notes"] = notes(made)
    return made


def all_of(moment: Moment) -> pd.DataFrame:
    """The same, in a moment that is already there."""
    return moment.frame(TABLES, TYPES)


def notes(made: pd.DataFrame) -> list[str]:
    """What a reader of the tables has to know besides."""
    if made.empty:
        return ["There is no table and no view outside of the system's schemas."]
    said = ["Times are UTC."]
    if made["rows"].isna().any():
        said.append("Rows are unknown of a view, and until a table was first analyzed (ANALYZE).")
    if made["locked_by"].notna().any():
        said.append(
            "Sizes are unknown where a session (its pid under locked_by) holds or waits for an "
            "exclusive lock: to read them would be to wait behind it."
        )
    if not made["readable"].fillna(False).all():
        said.append("What is not readable is listed, and its rows are not: see the column grant.")
    return said
