"""The SQL of one table in full, a query for each kind of part, and the types of its columns."""

from __future__ import annotations

from ..postgres.catalog.locked import LOCKED
from ..postgres.catalog.objects import GRANTEE
from ..postgres.catalog.tables import ENABLED, NOT_SYSTEM, OPTIONS
from .tables import GRANT, KIND

FREE = "not exists (select from held where oid = {})"
# Nothing of this needs more than the right to connect; an exclusive lock keeps expressions back.
TABLE = f"""
with {LOCKED}
select {KIND.format("c")}, pg_get_userbyid(c.relowner),
  case when c.relkind <> 'v' and c.reltuples >= 0 then c.reltuples::bigint end,
  case when held.oid is null then pg_total_relation_size(c.oid) end,
  case when held.oid is null then pg_indexes_size(c.oid) end, held.pids,
  {GRANT.format("c", "n")}, obj_description(c.oid, 'pg_class'),
  case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
  (select string_agg(inhparent::regclass::text, ', ' order by inhseqno) from pg_inherits
    where inhrelid = c.oid),
  pg_get_expr(c.relpartbound, 0),
  concat_ws(', ', {OPTIONS.format("c.reloptions")}, 'toast ' || {OPTIONS.format("t.reloptions")}),
  concat_ws(', ', case c.relpersistence when 'u' then 'unlogged' end,
    case when c.relrowsecurity then 'row security' end,
    case when c.relforcerowsecurity then 'row security also for the owner' end,
    case c.relreplident when 'f' then 'replica identity full' when 'n' then
      'replica identity nothing' when 'i' then 'replica identity by an index' end,
    'tablespace ' || s.spcname, 'access method ' || nullif(m.amname, 'heap')),
  case when c.relkind in ('v', 'm') and held.oid is null and not exists (
      select from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass
        and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      join held as h on h.oid = d.refobjid where w.ev_class = c.oid)
    then pg_get_viewdef(c.oid) end
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join held on held.oid = c.oid
left join pg_class t on t.oid = c.reltoastrelid left join pg_am m on m.oid = c.relam
left join pg_tablespace s on s.oid = c.reltablespace
where c.oid = %(table)s
"""

COLUMN_TYPES = {
    "column": "string",
    "type": "string",
    "nullable": "boolean",
    "default": "string",
    "identity": "string",
    "generated": "string",
    "key": "string",
    "collation": "string",
    "storage": "string",
    "statistics": "string",
    "options": "string",
    "comment": "string",
}
COLUMNS = f"""
with {LOCKED}
select a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull,
  case when a.attgenerated = '' then pg_get_expr(d.adbin, 0) end,
  case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
  case when a.attgenerated <> '' and {FREE.format("a.attrelid")} then
    concat(pg_get_expr(d.adbin, d.adrelid), case a.attgenerated when 's' then ' stored'
      else ' virtual' end) end,
  (select string_agg(distinct case contype when 'p' then 'primary' when 'u' then 'unique'
      when 'f' then 'foreign' end, ', ')
    from pg_constraint where conrelid = a.attrelid and contype in ('p', 'u', 'f')
      and a.attnum = any (conkey)),
  case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end,
  case when a.attstorage <> t.typstorage then case a.attstorage when 'p' then 'plain'
    when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
  nullif(a.attstattarget, -1)::text, {OPTIONS.format("(a.attoptions || a.attfdwoptions)")},
  col_description(a.attrelid, a.attnum)
from pg_attribute a join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = %(table)s and a.attnum > 0 and not a.attisdropped order by a.attnum
"""

CONSTRAINT_TYPES = {
    "constraint": "string",
    "kind": "category",
    "definition": "string",
    "validated": "boolean",
    "deferrable": "boolean",
    "inherited": "boolean",
    "comment": "string",
}
CONSTRAINTS = f"""
with {LOCKED}
select k.conname, case k.contype when 'p' then 'primary key' when 'u' then 'unique' when 'c' then
    'check' when 'f' then 'foreign key' when 'x' then 'exclusion' when 'n' then 'not null'
    else 'trigger' end,
  case when {FREE.format("k.conrelid")} then pg_get_constraintdef(k.oid) end, k.convalidated,
  k.condeferrable, not k.conislocal or k.coninhcount > 0,
  obj_description(k.oid, 'pg_constraint')
from pg_constraint k where k.conrelid = %(table)s and k.contype <> 'n'
order by position(k.contype::text in 'pufxct'), k.conname
"""

KEY_TYPES = {
    "constraint": "string",
    "table": "string",
    "columns": "string",
    "references": "string",
    "on_delete": "category",
    "on_update": "category",
    "validated": "boolean",
}
ACTION = """case {} when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade'
    when 'n' then 'set null' else 'set default' end"""
LISTED = """(select string_agg(quote_ident(a.attname), ', ' order by u.at)
    from unnest({0}) with ordinality as u (number, at)
    join pg_attribute a on a.attrelid = {1} and a.attnum = u.number)"""
KEYS = f"""
select k.conname, {{table}}::regclass::text, {LISTED.format("k.conkey", "k.conrelid")},
  {LISTED.format("k.confkey", "k.confrelid")}, {ACTION.format("k.confdeltype")},
  {ACTION.format("k.confupdtype")}, k.convalidated
from pg_constraint k where k.contype = 'f' and k.{{side}} = %(table)s
order by 2, 1
"""
KEYS_OUT = KEYS.format(table="k.confrelid", side="conrelid")
KEYS_IN = KEYS.format(table="k.conrelid", side="confrelid")

DEFINED_TYPES = {"definition": "string", "enabled": "category", "comment": "string"}
TRIGGER_TYPES = {"trigger": "string", **DEFINED_TYPES}
TRIGGERS = f"""
with {LOCKED}
select g.tgname, case when {FREE.format("g.tgrelid")} then pg_get_triggerdef(g.oid) end,
  coalesce({ENABLED.format("g.tgenabled")}, 'enabled'),
  obj_description(g.oid, 'pg_trigger')
from pg_trigger g where g.tgrelid = %(table)s and not g.tgisinternal order by 1
"""
RULE_TYPES = {"rule": "string", **DEFINED_TYPES}
RULES = f"""
with {LOCKED}
select w.rulename, case when {FREE.format("w.ev_class")} then pg_get_ruledef(w.oid) end,
  coalesce({ENABLED.format("w.ev_enabled")}, 'enabled'), obj_description(w.oid, 'pg_rewrite')
from pg_rewrite w where w.ev_class = %(table)s and w.rulename <> '_RETURN' order by 1
"""

POLICY_TYPES = {
    "policy": "string",
    "kind": "category",
    "command": "category",
    "roles": "string",
    "using": "string",
    "check": "string",
    "comment": "string",
}
POLICIES = f"""
with {LOCKED}
select p.polname, case when p.polpermissive then 'permissive' else 'restrictive' end,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
    when 'd' then 'delete' else 'all' end,
  (select string_agg({GRANTEE.format("o")}, ', ' order by o) from unnest(p.polroles) as o),
  case when b.free then pg_get_expr(p.polqual, p.polrelid) end,
  case when b.free then pg_get_expr(p.polwithcheck, p.polrelid) end,
  obj_description(p.oid, 'pg_policy')
from pg_policy p, lateral (select {FREE.format("p.polrelid")}) as b (free)
where p.polrelid = %(table)s order by 1
"""

PRIVILEGE_TYPES = {
    "role": "string",
    "columns": "string",
    "privileges": "string",
    "grantable": "string",
}
PRIVILEGES = f"""
select {GRANTEE.format("e.grantee")}, columns, string_agg(lower(privilege_type), ', '
    order by privilege_type),
  string_agg(case when is_grantable then lower(privilege_type) end, ', ' order by privilege_type)
from (
  select null as columns, g.* from pg_class c,
    aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as g where c.oid = %(table)s
  union all select quote_ident(a.attname), g.* from pg_attribute a, aclexplode(a.attacl) as g
    where a.attrelid = %(table)s and not a.attisdropped
) as e group by e.grantee, columns order by columns nulls first, 1
"""

PARTITION_TYPES = {
    "partition": "string",
    "bound": "string",
    "rows": "Int64",
    "total_bytes": "Int64",
}
PARTITIONS = f"""
with {LOCKED}
select c.oid::regclass::text, pg_get_expr(c.relpartbound, 0),
  case when c.reltuples >= 0 then c.reltuples::bigint end,
  case when {FREE.format("c.oid")} then pg_total_relation_size(c.oid) end
from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %(table)s order by 1
"""

READER_TYPES = {"view": "string", "kind": "category"}
READERS = f"""
select distinct c.oid::regclass::text, {KIND.format("c")}
from pg_depend d join pg_rewrite w on w.oid = d.objid and d.classid = 'pg_rewrite'::regclass
join pg_class c on c.oid = w.ev_class join pg_namespace n on n.oid = c.relnamespace
where d.refclassid = 'pg_class'::regclass and d.refobjid = %(table)s and c.oid <> %(table)s
  and {NOT_SYSTEM} order by 1
"""
