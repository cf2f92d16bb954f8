"""The relations that a reader would wait for, told beforehand, as SQL.

pg_relation_size, pg_get_viewdef, pg_get_expr, pg_get_indexdef (which of them depends on the
version) and pg_sequence_last_value lock what they read: they would wait behind a lock that
another session holds, also behind one that is only waited for.
"""

from __future__ import annotations

# `locked` are the relations and who holds them; `held` also their tables, by an index or TOAST.
_LOCKED = """locked as materialized (
  select relation as oid, string_agg(distinct pid::text, ', ') as pids from pg_locks
  where locktype = 'relation' and mode in ({modes}) and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
  group by relation
), held as materialized (
  select oid, string_agg(distinct pids, ', ') as pids from (
    select oid, pids from locked
    union all select i.indrelid, pids from locked join pg_index i on i.indexrelid = locked.oid
    union all select c.oid, pids from locked join pg_class c on c.reltoastrelid = locked.oid
  ) as every group by oid
)"""
LOCKED = _LOCKED.format(modes="'AccessExclusiveLock'")
# pg_sequence_last_value takes ROW EXCLUSIVE, which ALTER SEQUENCE keeps out.
LOCKED_FOR_WRITERS = _LOCKED.format(
    modes="'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'"
)
