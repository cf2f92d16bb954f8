"""Types, views, functions, extensions, privileges, and every other kind of object. Reads only.

From the complete catalog that drift is judged by, so that nothing in it goes unseen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..postgres.catalog import Catalog
from ..postgres.catalog.tables import NOT_SYSTEM
from ..project.database import Database
from ..show.render import Block, Line, Shown
from . import frames
from .moment import at_one, catalog_of

KINDS = {
    "types": ("enum", "domain", "composite", "range", "base type"),
    "views": ("view", "materialized view"),
    "functions": ("function", "procedure", "aggregate"),
    "privileges": ("grant", "default privilege"),
}
# The runbook shows these by a table, an index and a sequence; a comment goes with its object.
ELSEWHERE = ("table", "foreign table", "column", "columns", "index", "constraint", "sequence")
OWNER = re.compile(r"(?:^|;\s)owner (\S.*)$")
TYPES = {
    "kind": "category",
    "name": "string",
    "definition": "string",
    "owner": "string",
    "comment": "string",
}
VIEW_TYPES = {**TYPES, "owner_lacks": "string"}
# A view reads with the rights of its owner, who may have lost them; one of its readers' with
# security_invoker (PostgreSQL 15), whose owner needs none.
LACKS = f"""
select quote_ident(n.nspname) || '.' || quote_ident(v.relname),
  string_agg(distinct r.oid::regclass::text, ', ')
from pg_class v join pg_namespace n on n.oid = v.relnamespace
join pg_rewrite w on w.ev_class = v.oid
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
  and d.refclassid = 'pg_class'::regclass
join pg_class r on r.oid = d.refobjid and r.oid <> v.oid
where v.relkind in ('v', 'm') and {NOT_SYSTEM}
  and not exists (select from unnest(v.reloptions) as o
    where o ~* '^security_invoker=(true|on|yes|1)$')
  and not has_any_column_privilege(v.relowner, r.oid, 'select') group by 1
"""
EXTENSION_TYPES = {
    "extension": "string",
    "schema": "category",
    "version": "string",
    "newest": "string",
    "owner": "category",
    "comment": "string",
}
EXTENSIONS = """
select e.extname, n.nspname, e.extversion, a.default_version, pg_get_userbyid(e.extowner),
  obj_description(e.oid, 'pg_extension')
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
left join pg_available_extensions a on a.name = e.extname order by 1
"""


@dataclass(frozen=True, eq=False)
class Others(Shown):
    """What a schema holds besides tables, indexes and sequences, each kind a DataFrame.

    `privileges` are those beyond what the owner has and what a kind of object gives by default.
    """

    types: pd.DataFrame
    views: pd.DataFrame
    functions: pd.DataFrame
    extensions: pd.DataFrame
    privileges: pd.DataFrame
    rest: pd.DataFrame

    def blocks(self) -> Sequence[Block]:
        shown: list[Block] = []
        none = []
        for name, title in TITLES.items():
            part = getattr(self, name)
            if part.empty:
                none.append(title[0].lower() + title[1:])
            else:
                shown += frames.blocks(part, title)
        return [*shown, *([Line(f"None: {', '.join(none)}.")] if none else [])]


TITLES = {
    "types": "Types",
    "views": "Views",
    "functions": "Functions",
    "extensions": "Extensions",
    "privileges": "Privileges",
    "rest": "Everything else",
}


def read(found: Database, known: Catalog | None = None) -> Others:
    """Every object besides tables, indexes and sequences. Reads only; raises ReadFailed.

    `known` is the catalog, where it was read already.
    """
    every = known or catalog_of(found)
    extensions, lacks = at_one(
        found,
        lambda moment: (
            moment.frame(EXTENSIONS, EXTENSION_TYPES),
            dict(moment.rows(LACKS)),
        ),
    )
    parts = {part: _of(every, kinds) for part, kinds in KINDS.items()}
    parts["views"] = _with_rights(parts["views"], lacks)
    told = {*ELSEWHERE, "comment", "extension", *(k for kinds in KINDS.values() for k in kinds)}
    rest = [kind for kind, _ in every.objects if kind not in told]
    return Others(extensions=extensions, rest=_of(every, rest), **parts)


def _of(every: Catalog, kinds: Sequence[str]) -> pd.DataFrame:
    return frames.frame(_rows(every, frozenset(kinds)), TYPES)


def _rows(every: Catalog, kinds: frozenset[str]) -> Iterator[tuple[str | None, ...]]:
    """Kind, name, definition without owner, owner, comment; by name."""
    for (kind, name), text in sorted(every.objects.items(), key=lambda item: item[0][::-1]):
        if kind in kinds:
            owner = OWNER.search(text) if kind not in KINDS["privileges"] else None
            bare = text[: owner.start()] if owner else text
            comment = every.objects.get(("comment", f"{_as_commented(kind)} {name}"))
            yield kind, name, bare.strip() or None, owner[1] if owner else None, comment


def _as_commented(kind: str) -> str:
    """A kind as pg_identify_object calls it, by which comments are kept."""
    return "type" if kind in KINDS["types"] else kind


def _with_rights(views: pd.DataFrame, lacks: Mapping[str, str]) -> pd.DataFrame:
    """The views, with the relations that their owners may not read."""
    made = views.assign(owner_lacks=[lacks.get(name) for name in views["name"]]).astype(VIEW_TYPES)
    if lacks:
        made.attrs[frames.NOTES] = [
            "A view reads with its owner's rights: until its owner may SELECT from what stands "
            "under owner_lacks, nobody can read it."
        ]
    return made
