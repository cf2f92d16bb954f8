"""The parts of a structure that rows must fit: columns, constraints, unique indexes, partitions.

By the catalog's own numbers, so that before and after a rehearsal can be held against each other,
whatever was renamed. Reads only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..postgres import connections
from ..postgres.connections import Connection

TABLES = """
select c.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
  c.relispartition, pg_get_partition_constraintdef(c.oid),
  coalesce((select inhparent::bigint from pg_inherits where inhrelid = c.oid limit 1), 0),
  case c.relkind when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'f') and c.oid >= 16384 and n.nspname !~ '^pg_'
"""
COLUMNS = """
select a.attrelid::bigint, a.attnum, quote_ident(a.attname),
  format_type(a.atttypid, a.atttypmod), a.attnotnull,
  a.atthasdef or a.attidentity <> '' or t.typdefault is not null, a.attgenerated <> '',
  a.atttypid::bigint, a.atttypmod, t.typtype::text,
  array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder)
from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_class c on c.oid = a.attrelid
where c.relkind in ('r', 'p') and c.oid >= 16384 and a.attnum > 0 and not a.attisdropped
"""
CONSTRAINTS = """
select k.oid::bigint, k.conrelid::bigint, k.conname::text, k.contype::text, k.convalidated,
  pg_get_expr(k.conbin, k.conrelid), coalesce(k.confrelid::bigint, 0), k.confmatchtype::text,
  array(select a.attnum from unnest(k.conkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number order by u.place)::int[],
  array(select a.attnum from unnest(k.confkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number
    order by u.place)::int[]
from pg_constraint k where k.conrelid >= 16384 and k.contype in ('c', 'f', 'x')
  and (k.conparentid = 0 or k.contype = 'c')
"""
INDEXES = """
select i.indexrelid::bigint, i.indrelid::bigint, x.relname::text,
  array(select pg_get_indexdef(i.indexrelid, k, true) from generate_series(1, i.indnkeyatts) k
    order by k)::text[],
  pg_get_expr(i.indpred, i.indrelid),
  coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false), i.indisprimary
from pg_index i join pg_class x on x.oid = i.indexrelid
where i.indrelid >= 16384 and i.indisunique and i.indisvalid and not x.relispartition
"""
# The next value of each sequence that a column takes its values from.
SEQUENCES = """
select a.attrelid::bigint, a.attnum,
  coalesce(s.last_value + s.increment_by, s.start_value)::bigint
from pg_sequences s join pg_namespace n on n.nspname = s.schemaname
join pg_class q on q.relnamespace = n.oid and q.relname = s.sequencename
join pg_depend d on d.objid = q.oid and d.classid = 'pg_class'::regclass
  and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  and not a.attisdropped and (a.attidentity <> '' or a.atthasdef)
where s.increment_by > 0
"""
# Logical replication publishes their changes, and could not tell which row one is of.
WITHOUT_IDENTITY = """
select c.oid::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and exists (
    select from pg_publication_tables t join pg_publication p on p.pubname = t.pubname
    where t.schemaname = n.nspname and t.tablename = c.relname and (p.pubupdate or p.pubdelete))
  and not (c.relreplident = 'f' or exists (select from pg_index i where i.indrelid = c.oid
    and i.indisvalid and (c.relreplident = 'd' and i.indisprimary
      or c.relreplident = 'i' and i.indisreplident)))
"""


class Table(NamedTuple):
    """A table, or what else holds rows: its name as SQL has it, and its parent.

    `bound` is what the rows of a partition must fulfil.
    """

    number: int
    name: str
    partition: bool
    bound: str | None
    parent: int
    kind: str


class Column(NamedTuple):
    """A column; `filled` is whether it has a value where none is given."""

    table: int
    number: int
    name: str
    type: str
    required: bool
    filled: bool
    generated: bool
    type_number: int
    type_modifier: int
    type_kind: str
    labels: list[str]


class Constraint(NamedTuple):
    """A CHECK, a foreign key or an exclusion; `own` and `others` are numbers of columns."""

    number: int
    table: int
    name: str
    kind: str
    validated: bool
    expression: str | None
    other_table: int
    match: str
    own: list[int]
    others: list[int]


class UniqueIndex(NamedTuple):
    """A unique index: its keys and its condition, as SQL has them."""

    number: int
    table: int
    name: str
    keys: list[str]
    condition: str | None
    nulls_equal: bool
    primary: bool


@dataclass(frozen=True)
class Structure:
    """All of them, each by its numbers.

    `sequences` are the next values of columns, `without_identity` published tables whose rows can't
    be changed.
    """

    tables: Mapping[int, Table] = field(default_factory=dict)
    columns: Mapping[tuple[int, int], Column] = field(default_factory=dict)
    constraints: Mapping[int, Constraint] = field(default_factory=dict)
    indexes: Mapping[int, UniqueIndex] = field(default_factory=dict)
    sequences: Mapping[tuple[int, int], int] = field(default_factory=dict)
    without_identity: frozenset[int] = frozenset()

    def with_sequences_of(self, other: Structure) -> Structure:
        """The same, with those sequences only that stand at the same value there. Pure.

        Another value says that a revision sets it by the rows that there are.
        """
        same = self.sequences.items() & other.sequences.items()
        return replace(self, sequences=dict(same))

    @classmethod
    def read(cls, connection: Connection) -> Structure:
        """Read them. Reads only."""
        tables = [Table(*row) for row in connections.rows(connection, TABLES)]
        columns = [Column(*row) for row in connections.rows(connection, COLUMNS)]
        constraints = [Constraint(*row) for row in connections.rows(connection, CONSTRAINTS)]
        indexes = [UniqueIndex(*row) for row in connections.rows(connection, INDEXES)]
        return cls(
            {each.number: each for each in tables},
            {(each.table, each.number): each for each in columns},
            {each.number: each for each in constraints},
            {each.number: each for each in indexes},
            {(table, n): next_ for table, n, next_ in connections.rows(connection, SEQUENCES)},
            frozenset(row[0] for row in connections.rows(connection, WITHOUT_IDENTITY)),
        )
