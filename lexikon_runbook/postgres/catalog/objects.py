"""The SQL that reads types, functions, rarer objects, comments and grants, as in `tables`."""

from __future__ import annotations

from .tables import ENABLED, NOT_IMPLIED, NOT_MEMBER, NOT_SYSTEM, OPTIONS

TYPES = f"""
select case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite'
    when 'r' then 'range' else 'base type' end,
  quote_ident(n.nspname) || '.' || quote_ident(t.typname), concat_ws('; ', case t.typtype
    when 'e' then (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder)
      from pg_enum where enumtypid = t.oid)
    when 'c' then (select string_agg(concat_ws(' ', quote_ident(a.attname),
        format_type(a.atttypid, a.atttypmod),
        'COLLATE ' || nullif(a.attcollation, e.typcollation)::regcollation::text),
        ', ' order by a.attnum)
      from pg_attribute a join pg_type e on e.oid = a.atttypid
      where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
    when 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), 'COLLATE ' || nullif(
        t.typcollation, (select typcollation from pg_type where oid = t.typbasetype))::regcollation,
      'DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), case when t.typnotnull then 'NOT NULL' end,
      (select string_agg(concat_ws(' ', 'CONSTRAINT', quote_ident(conname),
        pg_get_constraintdef(oid)), ' ' order by conname)
      from pg_constraint where contypid = t.oid and contype = 'c'))
    when 'r' then (select concat_ws(' ', g.rngsubtype::regtype, o.opcname,
        nullif(g.rngcollation, 0)::regcollation, g.rngcanonical, g.rngsubdiff)
      from pg_range g join pg_opclass o on o.oid = g.rngsubopc where g.rngtypid = t.oid)
    else concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typbyval,
      t.typcategory, t.typdelim, t.typalign, t.typstorage) end,
  'owner ' || quote_ident(pg_get_userbyid(t.typowner)))
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where {NOT_SYSTEM} and {NOT_MEMBER.format(catalog="'pg_type'::regclass", oid="t.oid")}
  and {NOT_IMPLIED.format(catalog="'pg_type'::regclass", oid="t.oid")}
  and t.typtype in ('e', 'd', 'r', 'b', 'c') and t.typisdefined
"""

FUNCTIONS = f"""
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
  p.oid::regprocedure::text, concat_ws('; ', case p.prokind
    when 'a' then concat_ws(' ', p.prorettype::regtype, a.aggkind, a.aggnumdirectargs, a.aggtransfn,
      a.aggtranstype::regtype, a.aggfinalfn, a.aggfinalextra, a.aggfinalmodify, a.aggcombinefn,
      a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmtranstype::regtype,
      a.aggmfinalfn, a.aggmfinalextra, a.aggmfinalmodify, a.aggsortop::regoperator, p.proparallel,
      quote_literal(a.agginitval), quote_literal(a.aggminitval))
    else rtrim(pg_get_functiondef(p.oid), chr(10)) end,
  'owner ' || quote_ident(pg_get_userbyid(p.proowner)))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
left join pg_aggregate a on a.aggfnoid = p.oid
where {NOT_SYSTEM} and {NOT_MEMBER.format(catalog="'pg_proc'::regclass", oid="p.oid")}
  and {NOT_IMPLIED.format(catalog="'pg_proc'::regclass", oid="p.oid")}
"""

# Objects made by initdb have numbers below 16384 (FirstNormalObjectId); schemas and extensions
# are told by name. The names come from pg_identify_object, which no language setting changes.
FIRST_USER_OBJECT = 16384
NAMED = f"""({{oid}} >= {FIRST_USER_OBJECT}
    or {{catalog}} in ('pg_namespace'::regclass, 'pg_extension'::regclass))
  and {NOT_MEMBER}
  and coalesce(i.schema, '') !~ '^pg_' and i.identity !~ '(^| on )(pg_|information_schema)'
  and not ({{catalog}} = 'pg_class'::regclass and {{oid}} = coalesce(%(version_table)s, 0))"""

OTHERS = f"""
select o.kind, i.identity,
  concat_ws('; ', nullif(o.definition, ''), 'owner ' || quote_ident(pg_get_userbyid(o.owner)))
from (
  select 'schema' as kind, 'pg_namespace'::regclass as catalog, oid, nspowner as owner,
    '' as definition from pg_namespace
  union all select 'extension', 'pg_extension'::regclass, oid, extowner,
    concat(extversion, ' in ', extnamespace::regnamespace) from pg_extension
  union all select 'event trigger', 'pg_event_trigger'::regclass, oid, evtowner,
    concat_ws(' ', 'ON', evtevent, array_to_string(evttags, ', '), 'EXECUTE',
      evtfoid::regprocedure, {ENABLED.format("evtenabled")}) from pg_event_trigger
  union all select 'statistics', 'pg_statistic_ext'::regclass, oid, stxowner,
    concat_ws('; ', pg_get_statisticsobjdef(oid), 'target ' || nullif(stxstattarget, -1))
    from pg_statistic_ext
  union all select 'operator', 'pg_operator'::regclass, oid, oprowner,
    concat_ws(' ', oprresult::regtype, oprcode, oprcom::regoperator, oprnegate::regoperator,
      oprrest, oprjoin, oprcanmerge, oprcanhash) from pg_operator
  union all select 'operator class', 'pg_opclass'::regclass, c.oid, opcowner,
    concat_ws(' ', opfname, opcintype::regtype, opckeytype::regtype, opcdefault)
    from pg_opclass c join pg_opfamily f on f.oid = c.opcfamily
  union all select 'operator family', 'pg_opfamily'::regclass, oid, opfowner, concat_ws('; ',
    (select string_agg(concat_ws(' ', amopstrategy, amopopr::regoperator), ', '
      order by amopstrategy, amopopr::regoperator::text) from pg_amop where amopfamily = f.oid),
    (select string_agg(concat_ws(' ', amprocnum, amproc::regprocedure), ', '
      order by amprocnum, amproc::regprocedure::text) from pg_amproc where amprocfamily = f.oid))
    from pg_opfamily f
  union all select 'cast', 'pg_cast'::regclass, oid, null,
    concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) from pg_cast
  union all select 'collation', 'pg_collation'::regclass, oid, collowner,
    (to_jsonb(c) - '{{oid,collname,collnamespace,collowner,collversion}}'::text[])::text
    from pg_collation c
  union all select 'conversion', 'pg_conversion'::regclass, oid, conowner,
    concat_ws(' ', conforencoding, contoencoding, conproc, condefault) from pg_conversion
  union all select 'text search configuration', 'pg_ts_config'::regclass, c.oid, cfgowner,
    concat_ws(': ', (select prsname from pg_ts_parser where oid = cfgparser), (select string_agg(
      concat_ws(' ', maptokentype, mapdict::regdictionary), ', ' order by maptokentype, mapseqno)
      from pg_ts_config_map where mapcfg = c.oid)) from pg_ts_config c
  union all select 'text search dictionary', 'pg_ts_dict'::regclass, d.oid, dictowner,
    concat_ws(': ', tmplname, dictinitoption)
    from pg_ts_dict d join pg_ts_template t on t.oid = d.dicttemplate
  union all select 'text search template', 'pg_ts_template'::regclass, oid, null,
    concat_ws(' ', tmplinit, tmpllexize) from pg_ts_template
  union all select 'text search parser', 'pg_ts_parser'::regclass, oid, null,
    concat_ws(' ', prsstart, prstoken, prsend, prsheadline, prslextype) from pg_ts_parser
  union all select 'language', 'pg_language'::regclass, oid, lanowner,
    concat_ws(' ', lanpltrusted, lanplcallfoid::regprocedure, laninline::regprocedure,
      lanvalidator::regprocedure) from pg_language
  union all select 'transform', 'pg_transform'::regclass, oid, null,
    concat_ws(' ', trffromsql, trftosql) from pg_transform
  union all select 'access method', 'pg_am'::regclass, oid, null, concat_ws(' ', amhandler, amtype)
    from pg_am
  union all select 'foreign-data wrapper', 'pg_foreign_data_wrapper'::regclass, oid, fdwowner,
    concat_ws(' ', fdwhandler::regproc, fdwvalidator::regproc, {OPTIONS.format("fdwoptions")})
    from pg_foreign_data_wrapper
  union all select 'server', 'pg_foreign_server'::regclass, s.oid, srvowner,
    concat_ws(' ', fdwname, srvtype, srvversion, {OPTIONS.format("srvoptions")})
    from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
  union all select 'user mapping', 'pg_user_mapping'::regclass, umid, null, '' from pg_user_mappings
  union all select 'subscription', 'pg_subscription'::regclass, oid, subowner,
    concat_ws(' ', subenabled, subslotname, array_to_string(subpublications, ', '))
    from pg_subscription where subdbid in (select oid from pg_database
      where datname = current_database())
  union all select 'publication', 'pg_publication'::regclass, p.oid, pubowner, concat_ws(' ',
    case when puballtables then 'FOR ALL TABLES' end, case when pubinsert then 'insert' end,
    case when pubupdate then 'update' end, case when pubdelete then 'delete' end,
    case when pubtruncate then 'truncate' end, case when pubviaroot then 'via root' end,
    (select string_agg(distinct k.identity, ', ' order by k.identity) from pg_depend d
      join pg_depend f on f.classid = d.classid and f.objid = d.objid and f.refobjid <> p.oid,
      pg_identify_object(f.refclassid, f.refobjid, f.refobjsubid) as k
      where d.refclassid = 'pg_publication'::regclass and d.refobjid = p.oid))
    from pg_publication p
) as o, pg_identify_object(o.catalog, o.oid, 0) as i
where {NAMED.format(catalog="o.catalog", oid="o.oid")}
"""

NOTES = f"""
select 'comment', i.type || ' ' || i.identity, d.description
from pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
where {NAMED.format(catalog="d.classoid", oid="d.objoid")}
union all
select 'security label', concat_ws(' ', l.provider, i.type, i.identity), l.label
from pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) as i
where {NAMED.format(catalog="l.classoid", oid="l.objoid")}
"""

PRIVILEGES = """string_agg(distinct privilege_type || case when is_grantable then
    ' WITH GRANT OPTION' else '' end, ', ' order by privilege_type || case when is_grantable then
    ' WITH GRANT OPTION' else '' end)"""
GRANTEE = "case {0} when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid({0})) end"
# A list of privileges appears with the first GRANT and stays after its REVOKE, so what counts is
# what it says beyond the owner's and the type's defaults.
GRANTS = f"""
select 'grant', concat(i.type, ' ', i.identity, ' TO ', {GRANTEE.format("g.grantee")}), g.privileges
from (
  select 'pg_class'::regclass as catalog, oid, 0 as part, relowner as owner,
    (case relkind when 'S' then 's' else 'r' end)::"char" as kind, relacl as acl from pg_class
  union all select 'pg_class'::regclass, c.oid, a.attnum, c.relowner, 'c', a.attacl
    from pg_attribute a join pg_class c on c.oid = a.attrelid where not a.attisdropped
  union all select 'pg_proc'::regclass, oid, 0, proowner, 'f', proacl from pg_proc
  union all select 'pg_namespace'::regclass, oid, 0, nspowner, 'n', nspacl from pg_namespace
  union all select 'pg_type'::regclass, oid, 0, typowner, 'T', typacl from pg_type
  union all select 'pg_language'::regclass, oid, 0, lanowner, 'l', lanacl from pg_language
  union all select 'pg_foreign_server'::regclass, oid, 0, srvowner, 'S', srvacl
    from pg_foreign_server
  union all select 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwowner, 'F', fdwacl
    from pg_foreign_data_wrapper
) as o, pg_identify_object(o.catalog, o.oid, o.part) as i, lateral (
  select grantee, coalesce(is_now.privileges, 'none') as privileges
  from (select grantee, {PRIVILEGES} as privileges
    from aclexplode(o.acl) group by grantee) as is_now
  full join (select grantee, {PRIVILEGES} as privileges
    from aclexplode(acldefault(o.kind, o.owner)) group by grantee) as by_default using (grantee)
  where is_now.privileges is distinct from by_default.privileges) as g
where o.acl is not null and {NAMED.format(catalog="o.catalog", oid="o.oid")}
union all
select 'default privilege', concat_ws(' ', 'FOR', quote_ident(pg_get_userbyid(d.defaclrole)),
    'IN ' || nullif(d.defaclnamespace, 0)::regnamespace, 'ON', case d.defaclobjtype
    when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
    when 'n' then 'schemas' else 'large objects' end, 'TO', {GRANTEE.format("a.grantee")}),
  coalesce({PRIVILEGES}, 'none')
from pg_default_acl d left join aclexplode(d.defaclacl) as a on true group by d.oid, a.grantee
"""

QUERIES = (TYPES, FUNCTIONS, OTHERS, NOTES, GRANTS)
