"""What would run: the objects that it creates and the tables that it locks. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ...postgres import connections, statements
from ...postgres.connections import Connection
from ...postgres.statements import Effect, Statement, strength
from ...project.database import Database
from ..evidence import Made, Owned, Pending
from .files import relative

LOCKS = strength("SHARE UPDATE EXCLUSIVE")  # what a change of a table takes at least
TYPE_KINDS = ("type", "domain")
RELATIONS = ("table", "index", "view", "materialized view", "sequence")
THERE = """
select to_regclass(w.name) is not null
from unnest(%s::text[]) with ordinality as w (name, n) order by n
"""
TYPES = """
select to_regtype(w.name) is not null, exists (select from pg_attribute a
  where a.atttypid in (to_regtype(w.name), (select typarray from pg_type
    where oid = to_regtype(w.name))) and not a.attisdropped)
from unnest(%s::text[]) with ordinality as w (name, n) order by n
"""
COLUMNS = """
select exists (select from pg_attribute where attrelid = to_regclass(w.relation)
  and attname = w.name and not attisdropped)
from unnest(%s::text[], %s::text[]) with ordinality as w (relation, name, n) order by n
"""
OWNERS = """
select w.name, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
  quote_ident(pg_get_userbyid(c.relowner)), pg_has_role(c.relowner, 'USAGE')
from unnest(%s::text[]) as w (name) join pg_class c on c.oid = to_regclass(w.name)
join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm')
"""


class _Step(NamedTuple):
    revision: str
    file: str
    statements: tuple[Statement, ...]


def read(connection: Connection, found: Database, revision: str) -> Pending:
    """What the way to `revision` creates and locks. Reads only; raises UnknownRevision."""
    assert found.project is not None
    rows = found.known_version.ids if found.known_version else ()
    way = found.project.way("upgrade", revision, rows)
    sql = found.project.rendered(way)
    read = [
        _Step(
            move.revision.id,
            relative(found.target, move.revision.file),
            statements.read_all(sql[move.revision.id].sql or ()),
        )
        for move in way
    ]
    return Pending(
        ids=tuple(step.revision for step in read),
        made=tuple(_looked_for(connection, list(_made(read)))),
        touched=tuple(_touched(connection, read)),
        unknown=tuple(id_ for id_, rendered in sql.items() if rendered.sql is None),
    )


def _made(steps: list[_Step]) -> Iterator[tuple[Made, Effect]]:
    """What is created and was not dropped or renamed by an earlier statement."""
    gone: set[tuple[str, str]] = set()
    for step in steps:
        for statement in step.statements:
            for effect in statement.effects:
                key = (effect.kind, _named(effect))
                if effect.action == "drops" or effect.verb.startswith("rename"):
                    gone.add(key)
                free = key in gone or ("table", effect.table) in gone
                if _creates(effect) and not free and not statement.says("IF NOT EXISTS"):
                    yield Made(step.revision, step.file, *key), effect


def _creates(effect: Effect) -> bool:
    known = effect.kind in (*RELATIONS, *TYPE_KINDS, "column")
    return effect.action == "creates" and known and bool(effect.name)


def _named(effect: Effect) -> str:
    return f"{effect.table}.{effect.name}" if effect.kind == "column" else effect.name


def _looked_for(connection: Connection, made: list[tuple[Made, Effect]]) -> Iterator[Made]:
    """The same, with whether the database has them."""
    relations = [(m, _placed(e)) for m, e in made if m.kind in RELATIONS]
    found = connections.rows(connection, THERE, ([name for _, name in relations],))
    for (each, _), (there,) in zip(relations, found, strict=True):
        yield replace(each, there=there)
    types = [(m, e.name) for m, e in made if m.kind in TYPE_KINDS]
    found = connections.rows(connection, TYPES, ([name for _, name in types],))
    for (each, _), (there, used) in zip(types, found, strict=True):
        yield replace(each, there=there, used=used)
    columns = [(m, e) for m, e in made if m.kind == "column"]
    names = [e.name.replace('"', "") for _, e in columns]
    found = connections.rows(connection, COLUMNS, ([e.table for _, e in columns], names))
    for (each, _), (there,) in zip(columns, found, strict=True):
        yield replace(each, there=there)


def _placed(effect: Effect) -> str:
    """A relation's name where it would be: an index stands in the schema of its table."""
    schema = effect.table.rpartition(".")[0] if effect.kind == "index" else ""
    return f"{schema}.{effect.name}" if schema and "." not in effect.name else effect.name


def _touched(connection: Connection, steps: list[_Step]) -> Iterator[Owned]:
    """The tables that exist and are changed, by the first revision that does."""
    names: dict[str, tuple[str, bool]] = {}
    for step in steps:
        for statement in step.statements:
            for effect in statement.effects:
                if effect.action in ("alters", "drops") or effect.kind in ("column", "index"):
                    first, _ = names.get(effect.table or effect.name, (step.revision, True))
                    names[effect.table or effect.name] = (first, True)
            for lock in statement.locks or ():
                if strength(lock.mode) >= LOCKS:
                    names.setdefault(lock.relation, (step.revision, False))
    wanted = [name for name in names if name]
    for name, table, owner, ours in connections.rows(connection, OWNERS, (wanted,)):
        revision, alters = names[name]
        yield Owned(revision, table, owner, ours or not alters)
