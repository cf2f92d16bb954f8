"""One table in full: what `\\d+` shows, and more, as DataFrames. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ..errors import NOTHING_CHANGED, NoSuchTable
from ..project.database import Database
from ..show.render import Block, Card, Code, Line, Shown, size
from ..targets.target import Target
from . import frames, indexes, naming, table_parts
from .moment import Moment, at_one
from .naming import Named

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Facts:
    """What a table is as a whole. Sizes are bytes; None is unknown, or, for a text, nothing."""

    kind: str
    owner: str
    rows: int | None
    total_bytes: int | None
    index_bytes: int | None
    locked_by: str | None
    grant: str | None
    comment: str | None
    partitioned_by: str | None
    part_of: str | None
    bound: str | None
    options: str
    state: str
    definition: str | None


@dataclass(frozen=True, eq=False)
class TableInFull(Shown):
    """One table or view, each kind of part a DataFrame; an empty one where it has none."""

    named: Named
    facts: Facts
    columns: pd.DataFrame
    indexes: pd.DataFrame
    constraints: pd.DataFrame
    keys_out: pd.DataFrame
    keys_in: pd.DataFrame
    triggers: pd.DataFrame
    rules: pd.DataFrame
    policies: pd.DataFrame
    privileges: pd.DataFrame
    partitions: pd.DataFrame
    views: pd.DataFrame

    def blocks(self) -> Sequence[Block]:
        shown: list[Block] = [Card(f"{self.facts.kind} {self.named}", self._lines())]
        if self.facts.definition:
            shown.append(Code(self.facts.definition, "Definition"))
        empty = []
        for name, title in TITLES.items():
            part = getattr(self, name)
            if part.empty:
                empty.append(title[0].lower() + title[1:])
            else:
                shown += frames.blocks(part, title)
        if empty:
            shown.append(Line(f"None: {', '.join(empty)}."))
        return shown

    def _lines(self) -> list[tuple[str, str]]:
        facts = self.facts
        rows = UNKNOWN if facts.rows is None else f"{facts.rows:,} by the last estimate"
        lines = [("Owner", facts.owner), ("Rows", rows), ("Size", self._size())]
        told = (
            ("Comment", facts.comment),
            ("Partitioned by", facts.partitioned_by),
            ("Part of", " ".join(filter(None, (facts.part_of, facts.bound)))),
            ("Options", facts.options),
            ("State", facts.state),
        )
        lines += [(label, text) for label, text in told if text]
        if facts.grant:
            lines.append(("Not readable", f"{facts.grant} would let this role read its rows"))
        return lines

    def _size(self) -> str:
        facts = self.facts
        if facts.locked_by:
            return f"{UNKNOWN}: pid {facts.locked_by} holds or waits for an exclusive lock"
        if facts.total_bytes is None or facts.index_bytes is None:
            return UNKNOWN
        return f"{size(facts.total_bytes)}, of which indexes {size(facts.index_bytes)}"


TITLES = {
    "columns": "Columns",
    "constraints": "Constraints",
    "keys_out": "Foreign keys to other tables",
    "keys_in": "Foreign keys from other tables",
    "indexes": "Indexes",
    "triggers": "Triggers",
    "rules": "Rules",
    "policies": "Policies",
    "partitions": "Partitions",
    "views": "Views that read it",
    "privileges": "Privileges",
}


@dataclass(frozen=True)
class NoTable(Shown):
    """That a database has no table which could be shown."""

    where: str
    target: Target

    def blocks(self) -> Sequence[Block]:
        first = f"{self.target.run('deploy')} makes the tables"
        return [Card(f"No table: {self.where} is empty", [("Next", first)], "warning")]


def read(found: Database, name: str = "") -> TableInFull | NoTable:
    """One table or view in full, by its name; without one the largest table. Reads only.

    Raises NoSuchTable, with the nearest names, also when it was dropped meanwhile.
    """
    named = naming.find(found, name) if name.strip() else naming.largest(found)
    if named is None:
        return NoTable(found.identity.where, found.target)
    return at_one(found, lambda moment: _of(moment, named))


def _of(moment: Moment, named: Named) -> TableInFull:
    at = {"table": named.number}
    facts = moment.rows(table_parts.TABLE, at)
    if not facts:
        raise NoSuchTable(
            f"{named} was dropped while it was read.",
            state=NOTHING_CHANGED,
            next_step="run the cell again with the name of a table that is there.",
        )
    kinds: dict[str, tuple[str, dict[str, str]]] = {
        "columns": (table_parts.COLUMNS, table_parts.COLUMN_TYPES),
        "constraints": (table_parts.CONSTRAINTS, table_parts.CONSTRAINT_TYPES),
        "keys_out": (table_parts.KEYS_OUT, table_parts.KEY_TYPES),
        "keys_in": (table_parts.KEYS_IN, table_parts.KEY_TYPES),
        "triggers": (table_parts.TRIGGERS, table_parts.TRIGGER_TYPES),
        "rules": (table_parts.RULES, table_parts.RULE_TYPES),
        "policies": (table_parts.POLICIES, table_parts.POLICY_TYPES),
        "privileges": (table_parts.PRIVILEGES, table_parts.PRIVILEGE_TYPES),
        "partitions": (table_parts.PARTITIONS, table_parts.PARTITION_TYPES),
        "views": (table_parts.READERS, table_parts.READER_TYPES),
    }
    read = {part: moment.frame(sql, types, at) for part, (sql, types) in kinds.items()}
    own = indexes.all_of(moment, named.number).drop(columns=["schema", "table", "using"])
    return TableInFull(named, Facts(*facts[0]), indexes=own, **read)
