"""What a rehearsed plan would drop: seen before and after it, counted live. Reads only.

So it does not matter how it is dropped: by a DO block, a function, CASCADE, a name made in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from ..postgres import connections, statements
from ..postgres.connections import Connection
from ..postgres.names import parts, spelled_name
from ..rehearsal.observed import Leg, Sent
from ..rehearsal.rehearsal import Rehearsal
from ..rehearsal.structures import Column, Table
from . import risk
from .risk import AtRisk
from .step import Step

PLACE = "select to_regclass(%s)::text"
INSERTED, UPDATED, DELETED = range(3)
ROW_EXCLUSIVE = "ROW EXCLUSIVE"


def at_risk(
    connection: Connection, done: Rehearsal, steps: Sequence[Step], *, down: bool
) -> tuple[AtRisk, ...]:
    """The tables and columns that would go, and the rows that would be written over or deleted.

    Reads only.
    """
    effects = [e for s in steps for q in s.statements for e in q.effects if e.action != "drops"]
    found = {each.what: each for each in _dropped(connection, done, steps)}
    gone = {each.table for each in found.values()}
    for each in risk.at_risk(connection, effects, down=down):
        found.setdefault(each.what, each)
    known = gone | {risk.place(connection, each.table) for each in found.values() if each.table}
    written = [(name, "rows written or deleted in {}, at most") for name in _written(steps, down)]
    for name, words in (*written, *((name, "truncate of {}") for name in done.emptied)):
        shown = _place(connection, name)
        if shown and shown not in known:
            known.add(shown)
            what = words.format(shown)
            found[what] = replace(risk.count(connection, name, "", what), table=shown)
    return tuple(found.values())


def _dropped(connection: Connection, done: Rehearsal, steps: Sequence[Step]) -> Iterator[AtRisk]:
    before, after = done.before, done.after
    order = _order(steps)
    tables = [each for number, each in before.tables.items() if number not in after.tables]
    numbers = {each.number for each in tables}
    for table in sorted(tables, key=lambda each: order(each.name)):
        if table.parent not in numbers:
            shown = _place(connection, table.name) or table.name
            counted = risk.count(connection, table.name, "", f"{table.kind} {shown}")
            yield replace(counted, table=shown)
    for number, table in before.tables.items():
        parent, now = before.tables.get(table.parent), after.tables.get(number)
        if parent is not None and now is not None and now.parent != table.parent:
            yield _detached(connection, table, parent)
    columns = [c for key, c in before.columns.items() if key not in after.columns]
    for column in sorted(columns, key=lambda each: order(before.tables[each.table].name)):
        table = before.tables[column.table]
        if column.table not in numbers and not column.generated and not table.partition:
            yield _column(connection, table, column)


def _detached(connection: Connection, table: Table, parent: Table) -> AtRisk:
    """A partition that is a table of its own then: its rows are no longer in its parent."""
    shown = _place(connection, table.name) or table.name
    what = f"rows of {_place(connection, parent.name) or parent.name}, with its partition {shown}"
    return risk.count(connection, table.name, "", what)


def _column(connection: Connection, table: Table, column: Column) -> AtRisk:
    shown = _place(connection, table.name) or table.name
    name = spelled_name(parts(column.name)[0])
    return risk.count(connection, table.name, column.name, f"column {shown}.{name}")


def _order(steps: Iterable[Step]) -> Callable[[str], tuple[int, str]]:
    """By the statement that locks a table first, then by its name: as the plan goes."""
    places: dict[str, int] = {}
    for place, sent in enumerate(sent for leg in _legs(steps) for sent in leg.sent):
        for _, name in sent.effects.locks:
            places.setdefault(name, place)
    return lambda name: (places.get(name, len(places)), name)


def _legs(steps: Iterable[Step]) -> list[Leg]:
    return [leg for step in steps for leg in step.legs]


def _written(steps: Iterable[Step], down: bool) -> list[str]:
    """Tables from which rows were seen to go; on the way down also where they were changed.

    And those that code on the server, or what was not seen, was ready to write: on other rows it
    may do what it did not do on ours.
    """
    kinds = (UPDATED, DELETED) if down else (DELETED,)
    found: set[str] = set()
    for leg in _legs(steps):
        wrote = leg.whole.wrote
        found |= {name for name, rows in wrote.items() if any(rows[kind] for kind in kinds)}
        inserted = {name for name, rows in wrote.items() if rows[INSERTED]}
        effects = [sent.effects for sent in leg.writing if _is_code(sent)]
        for each in (*effects, leg.unseen):
            found |= {name for mode, name in each.locks if mode == ROW_EXCLUSIVE} - inserted
    return sorted(found)


def _is_code(sent: Sent) -> bool:
    effects = [e for q in statements.read_all([sent.text]) for e in q.effects]
    return any(effect.kind == "code" for effect in effects)


def _place(connection: Connection, name: str) -> str:
    """The name as the session of the plan would write it; "" where there is no such table."""
    return str(connections.first(connections.rows(connection, PLACE, (name,))) or "")
