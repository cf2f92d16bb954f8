"""A cheap listing of a schema, taken after each revision while they are built once.

Names, columns with their types, constraints, enum labels, function bodies: enough to tell which
revisions a schema may be that of. What it finds is proved with complete catalogs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...errors import NotBuilt
from ...postgres import connections
from ...postgres.catalog.tables import NOT_MEMBER, NOT_SYSTEM
from ...postgres.connections import Connection
from ...postgres.names import quoted
from ...rehearsal.throwaway import Throwaway

Listing = Mapping[str, str]

OF_CLASS = NOT_MEMBER.format(catalog="'pg_class'::regclass", oid="c.oid")
# A subquery is evaluated once, the function for every row.
VERSION_TABLE = "(select to_regclass(%(version_table)s))"
OWN = f"{NOT_SYSTEM} and {OF_CLASS} and c.oid is distinct from {VERSION_TABLE}"
LISTING = f"""
select 'r ' || n.nspname || '.' || c.relname, c.relkind::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_index i on i.indexrelid = c.oid
where c.relkind <> 't' and {OWN}
  and i.indrelid is distinct from {VERSION_TABLE}
union all
select 'a ' || n.nspname || '.' || c.relname || '.' || a.attname,
  concat_ws(' ', t.typname, a.atttypmod, a.attnotnull, a.atthasdef)
from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f') and {OWN}
union all
select 'k ' || n.nspname || '.' || c.relname || '.' || k.conname,
  concat_ws(' ', k.contype, k.convalidated)
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace where k.contype <> 'n' and {OWN}
union all
select 'e ' || n.nspname || '.' || t.typname, string_agg(e.enumlabel, ',' order by e.enumsortorder)
from pg_enum e join pg_type t on t.oid = e.enumtypid join pg_namespace n on n.oid = t.typnamespace
where {NOT_SYSTEM} and {NOT_MEMBER.format(catalog="'pg_type'::regclass", oid="t.oid")} group by 1
union all
select 'f ' || n.nspname || '.' || p.proname || ' ' || p.pronargs, max(md5(p.prosrc))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where {NOT_SYSTEM} and {NOT_MEMBER.format(catalog="'pg_proc'::regclass", oid="p.oid")} group by 1
"""


def of(connection: Connection, version_table: str) -> Listing:
    """The listing of a database. Reads only."""
    asked = {"version_table": quoted(version_table)}
    return dict(connections.rows(connection, LISTING, asked))


def after_each(empty: Throwaway, revisions: Sequence[str]) -> tuple[list[Listing], NotBuilt | None]:
    """Run these revisions, all in one run of env.py where it lets them, and list after each.

    Ends at the first that fails, and says why. Writes the throwaway database.
    """
    found: list[Listing] = []

    def listed(_id: str, connection: Connection) -> None:
        found.append(of(connection, empty.version_table))

    try:
        empty.after_each(revisions, listed)
    except NotBuilt as error:
        return found, error.kept()
    return found, None


def predicted(
    order: Sequence[str], listings: Sequence[Listing], behind: Mapping[str, Iterable[str]]
) -> dict[str, Listing]:
    """The listing that a database at each revision has, by what each added and took away. Pure.

    In one line of revisions that is the listing after it; a branch lacks what others did.
    """
    changes: dict[str, dict[str, str | None]] = {}
    before: Listing = {}
    for id_, after in zip(order, listings, strict=False):
        changes[id_] = {key: after.get(key) for key in _differing(before, after)}
        before = after
    found: dict[str, Listing] = {}
    for number, id_ in enumerate(order[: len(listings)]):
        inside = {*behind[id_], id_}
        if len(inside) == number + 1:
            found[id_] = listings[number]
        else:
            found[id_] = composed(changes[each] for each in order if each in inside)
    return found


def composed(changes: Iterable[Mapping[str, str | None]]) -> Listing:
    """One listing of changes made one after the other. Pure."""
    whole: dict[str, str | None] = {}
    for each in changes:
        whole.update(each)
    return {key: text for key, text in whole.items() if text is not None}


def distance(one: Listing, other: Listing) -> int:
    """How many objects differ. Pure."""
    return len(_differing(one, other))


def _differing(one: Listing, other: Listing) -> set[str]:
    return {key for key, _ in one.items() ^ other.items()}
