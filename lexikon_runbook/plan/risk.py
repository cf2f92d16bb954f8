"""The rows that a plan would drop, counted before anybody approves it. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..postgres import connections
from ..postgres.connections import Connection
from ..postgres.names import spelled
from ..postgres.statements import Effect, Statement
from ..show.render import size


@dataclass(frozen=True)
class AtRisk:
    """Rows that a plan would drop. `rows` is exact; None where they could not be counted."""

    what: str
    rows: int | None
    bytes: int
    table: str = ""  # the table's name, where it is the whole table that is counted
    why: str = ""  # it could not be counted

    def __str__(self) -> str:
        if self.rows is None:
            why = f" ({self.why})" if self.why else ""
            return f"{self.what}: its rows could not be counted{why}"
        word = "row" if self.rows == 1 else "rows"
        return f"{self.what}: {self.rows:,} {word} ({size(self.bytes)})"


@dataclass(frozen=True)
class Relation:
    """A table that exists, or the table of an index: rows by the statistics, and bytes.

    `qualified` is its name for a session with any search_path.
    """

    table: str
    rows: int
    bytes: int
    qualified: str


@dataclass(frozen=True)
class Column:
    """A column that would be dropped: its primary key, "" for none, and where its values are from.

    PostgreSQL lets neither a key's column nor an identity be NULL, whatever is written. The values
    of a generated column are in those that it is computed from.
    """

    key: str
    identity: bool
    generated: bool


DELETED = {"truncate": "truncate of", "delete": "delete from"}
WRITTEN = {
    **DELETED,
    "update": "update of",
    "merge": "merge into",
    "alter column type": "new column type in",
}
PARTS = re.compile(r'"(?:[^"]|"")*"|[^.]+')
# reltuples is -1 or 0 before the first ANALYZE: one row for every 100 bytes is taken instead.
# A partitioned table has the rows of its leaves.
SIZES = """
select t.name, c.oid::regclass::text, format('%%I.%%I', n.nspname, c.relname),
       coalesce(sum(case when l.reltuples <= 0 then pg_relation_size(l.oid) / 100
       else l.reltuples end), 0)::bigint,
       coalesce(sum(pg_total_relation_size(l.oid)), 0)::bigint
from unnest(%s::text[], %s::text[]) t(name, written)
left join pg_index i on i.indexrelid = to_regclass(t.written)
join pg_class c on c.oid = coalesce(i.indrelid, to_regclass(t.written))
join pg_namespace n on n.oid = c.relnamespace
left join pg_class l on l.oid = c.oid and c.relkind <> 'p'
     or c.relkind = 'p' and l.oid in (select relid from pg_partition_tree(c.oid) where isleaf)
group by t.name, c.oid, n.nspname, c.relname
"""
COLUMNS = """
select t.written, a.attname, k.conname, a.attidentity <> '', a.attgenerated <> ''
from unnest(%s::text[], %s::text[]) t(written, name)
join pg_attribute a on a.attrelid = to_regclass(t.written) and a.attname = t.name
left join pg_constraint k
  on k.conrelid = a.attrelid and k.contype = 'p' and a.attnum = any(k.conkey)
where not a.attisdropped
"""
TABLES_OF_SCHEMA = """
select format('%%I.%%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p', 'f') and not c.relispartition order by 1
"""


# In English; in any other language only that they could not be counted is said.
ROW_SECURITY = "row-level security policy"


def sizes(connection: Connection, names: Iterable[str]) -> Mapping[str, Relation]:
    """The relations that exist, by the name they were asked by. Reads only."""
    asked = sorted(set(names))
    rows = connections.rows(connection, SIZES, (asked, [_sql(name) for name in asked]))
    return {
        name: Relation(table, int(n), int(total), qualified)
        for name, table, qualified, n, total in rows
    }


def columns(connection: Connection, effects: Iterable[Effect]) -> Mapping[tuple[str, str], Column]:
    """The columns that exist and would be dropped, by table and name. Reads only."""
    dropped = {
        (_sql(effect.table), effect.name): (effect.table, effect.name)
        for effect in effects
        if effect.verb == "drop column"
    }
    asked = [list(each) for each in zip(*dropped, strict=True)]
    rows = connections.rows(connection, COLUMNS, asked) if asked else []
    return {
        dropped[table, column]: Column(str(key or ""), bool(identity), bool(generated))
        for table, column, key, identity, generated in rows
    }


def at_risk(connection: Connection, effects: Iterable[Effect], *, down: bool) -> tuple[AtRisk, ...]:
    """What the effects would drop, counted exactly. Reads only.

    On the way `down` also what they would write over: a downgrade has the values of before
    from nowhere.
    """
    found: dict[str, AtRisk] = {}
    created: set[str] = set()
    for effect in effects:
        if effect.action == "creates":
            created.add(effect.name)
        for counted in _dropped(connection, effect, created, WRITTEN if down else DELETED):
            found.setdefault(counted.what, counted)
    return tuple(found.values())


def _dropped(
    connection: Connection, effect: Effect, created: set[str], written: Mapping[str, str]
) -> Iterator[AtRisk]:
    """The rows that one effect drops; none from a table that the plan itself made."""
    table, column, what = effect.table or effect.name, "", ""
    if effect.action == "drops" and effect.kind == "schema":
        for (name,) in connections.rows(connection, TABLES_OF_SCHEMA, (effect.name,)):
            yield count(connection, name, "", f"table {name}")
        return
    if effect.action == "drops" and effect.kind in ("table", "foreign table"):
        what = f"table {spelled(table)}"
    elif effect.action == "drops" and effect.kind == "column":
        known = columns(connection, [effect]).get((effect.table, effect.name))
        if known and known.generated:
            return
        column, what = _sql(effect.name), f"column {spelled(table)}.{spelled(effect.name)}"
    elif effect.verb in written:
        some = effect.verb != "truncate" and (effect.verb != "delete" or effect.says("WHERE"))
        what = f"{written[effect.verb]} {spelled(table)}" + (", at most" if some else "")
    if not what:
        return
    found = connections.rows(connection, "select to_regclass(%s)", (_sql(table),))
    if connections.first(found) or not (table in created or effect.says("IF EXISTS")):
        counted = count(connection, _sql(table), column, what)
        yield counted if column else replace(counted, table=table)


def count(connection: Connection, table: str, column: str, what: str) -> AtRisk:
    """How many rows (with a value in `column`) the table, named as in SQL, holds now."""
    counted = f"count({column})" if column else "count(*)"
    try:
        number, total = connections.rows(
            connection,
            "set local row_security = off; "
            f"select {counted}, pg_total_relation_size(%s::regclass) from {table}",
            (table,),
        )[0]
    except connections.Error as error:
        hidden = ROW_SECURITY in str(error)
        return AtRisk(what, None, 0, why="row-level security hides some" if hidden else "")
    return AtRisk(what, int(number), int(total))


def _sql(name: str) -> str:
    """A normalised name with every part quoted, so that a keyword is a name, too."""
    parts = PARTS.findall(name)
    return ".".join(part if part.startswith('"') else f'"{part}"' for part in parts)


def place(connection: Connection, name: str) -> str:
    """A name as SQL has it, as the session would write it; "" where there is no such table."""
    sql = "select to_regclass(%s)::text"
    return str(connections.first(connections.rows(connection, sql, (_sql(name),))) or "")


def uncounted(statements: Iterable[Statement]) -> tuple[str, ...]:
    """Why the count may not be all that is dropped, in words. Pure."""
    reasons = []
    for statement in statements:
        for effect in statement.effects:
            if effect.action == "drops" and effect.says("CASCADE"):
                reasons.append(f"what CASCADE reaches from {effect.kind} {spelled(effect.name)}")
            elif effect.kind == "code":
                reasons.append(f"what the code in {effect.verb.upper()} does")
    return tuple(dict.fromkeys(reasons))
