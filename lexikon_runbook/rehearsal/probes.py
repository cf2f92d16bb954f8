"""Whether the rows fit what a plan asks of them: derived from the structure before and after.

Never from SQL. Each is one query on the target's own database, read-only, with short timeouts.
A probe that ran out of time, or could not be asked, is unknown, and never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..postgres import connections
from ..postgres.connections import Connection
from ..postgres.names import parts
from .structures import Column, Structure, Table

LIMITS = "set local statement_timeout = '3s'; set local lock_timeout = '500ms'"
DATA_EXCEPTIONS = "22"  # the class of SQLSTATEs that a cast of a value raises
OUT_OF_TIME = ("57014", "55P03")


@dataclass(frozen=True)
class Probe:
    """One question: how many rows of a table would make a plan fail, and with which SQLSTATE.

    `sql` returns their number; "" where no query can tell. `cast`: it fails by itself on a value
    that does not fit. `later`: it is not the plan that fails, but what the application does then.
    """

    sqlstate: str
    table: str
    words: str
    sql: str = ""
    cast: bool = False
    later: bool = False


@dataclass(frozen=True)
class Answer:
    """What a probe found: the number of rows in the way, None where that is not known and why."""

    probe: Probe
    rows: int | None
    why: str = ""

    def __str__(self) -> str:
        if self.rows is None:
            return f"whether {self.probe.words} is not known: {self.why}"
        many = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{many} of {self.probe.table}: {self.probe.words} ({self.probe.sqlstate})"


def ask(connection: Connection, before: Structure, after: Structure) -> tuple[Answer, ...]:
    """Ask each, and answer with those that are in the way or not known. Reads only."""
    answers = (_asked(connection, probe) for probe in derived(before, after))
    return tuple(answer for answer in answers if answer.rows != 0)


def _asked(connection: Connection, probe: Probe) -> Answer:
    if not probe.sql:
        return Answer(probe, None, "no query can tell")
    try:
        sql = f"begin read only; {LIMITS}; set local row_security = off; {probe.sql}"
        found = int(connections.first(connections.rows(connection, sql)) or 0)
        return Answer(probe, 0 if probe.cast else found)
    except connections.Error as error:
        code = str(error.pgcode or "")
        if probe.cast and code.startswith(DATA_EXCEPTIONS):
            return Answer(probe, 1)
        said = str(error).partition("\n")[0]
        return Answer(probe, None, "it took too long" if code in OUT_OF_TIME else said)
    finally:
        connections.rows(connection, "rollback")


def derived(before: Structure, after: Structure) -> Iterator[Probe]:
    """The questions that the step from one structure to the other raises. Pure."""
    kinds = (_columns, _checks, _foreign_keys, _exclusions, _unique, _partitions)
    for kind in (*kinds, _sequences, _identities):
        yield from kind(before, after)


def _columns(before: Structure, after: Structure) -> Iterator[Probe]:
    for key, new in after.columns.items():
        table = before.tables.get(key[0])
        if table is None:
            continue
        old = before.columns.get(key)
        if old is None:
            if new.required and not new.filled and not new.generated:
                yield Probe(
                    "23502",
                    table.name,
                    f"the new column {new.name} must not be NULL and has no default",
                    f"select count(*) from {table.name}",
                )
            continue
        if new.required and not old.required and not new.generated:
            yield Probe(
                "23502",
                table.name,
                f"{old.name} is NULL, and must not be",
                f"select count(*) from {table.name} where {old.name} is null",
            )
        yield from _types(table, old, new)


def _types(table: Table, old: Column, new: Column) -> Iterator[Probe]:
    if (old.type_number, old.type_modifier) == (new.type_number, new.type_modifier):
        if lost := [label for label in old.labels if label not in new.labels]:
            yield _labels(table, old, new, lost)
        return
    if new.type_kind == "e" and old.type_kind in ("e", "b"):
        yield _labels(table, old, new, [])
    elif new.type.startswith(("character varying(", "character(", "bit")):
        length = new.type.partition("(")[2].partition(")")[0]
        yield Probe(
            "22001",
            table.name,
            f"{old.name} is longer than {new.type}",
            f"select count(*) from {table.name} where length({old.name}::text) > {length}",
        )
    elif new.type not in ("text", "character varying") and old.type != new.type:
        yield Probe(
            "22P02",
            table.name,
            f"{old.name} has a value that is no {new.type}",
            f"select count({old.name}::text::{new.type}) from {table.name}"
            if old.type_kind == "b" and old.type in ("text", "character varying", "json")
            else f"select count({old.name}::{new.type}) from {table.name}",
            cast=True,
        )


def _labels(table: Table, old: Column, new: Column, lost: Iterable[str]) -> Probe:
    labels = ", ".join(f"'{each.replace(chr(39), chr(39) * 2)}'" for each in (lost or new.labels))
    other = "in" if lost else "not in"
    return Probe(
        "22P02",
        table.name,
        f"{old.name} has a label that {new.type} lacks",
        f"select count(*) from {table.name} where {old.name}::text {other} ({labels or 'null'})",
    )


def _checks(before: Structure, after: Structure) -> Iterator[Probe]:
    for number, new in after.constraints.items():
        old, table = before.constraints.get(number), before.tables.get(new.table)
        if table is None or new.kind != "c" or not new.validated or (old and old.validated):
            continue
        yield Probe(
            "23514",
            table.name,
            f"CHECK {new.name} does not hold",
            f"select count(*) from {table.name} where not ({new.expression})"
            if _known(before, after, new.table)
            else "",
        )


def _foreign_keys(before: Structure, after: Structure) -> Iterator[Probe]:
    for number, new in after.constraints.items():
        old, table = before.constraints.get(number), before.tables.get(new.table)
        if table is None or new.kind != "f" or not new.validated or (old and old.validated):
            continue
        other = before.tables.get(new.other_table)
        own = [before.columns.get((new.table, each)) for each in new.own]
        theirs = [before.columns.get((new.other_table, each)) for each in new.others]
        words = f"foreign key {new.name}: no row in {other.name if other else 'the new table'}"
        if None in own:
            continue  # a new column holds NULL, or what the plan itself fills
        set_ = " and ".join(f"c.{each.name} is not null" for each in own if each)
        if other is None or None in theirs:
            yield Probe(
                "23503", table.name, words, f"select count(*) from {table.name} c where {set_}"
            )
            continue
        same = " and ".join(
            f"p.{b.name} = c.{a.name}" for a, b in zip(own, theirs, strict=True) if a and b
        )
        yield Probe(
            "23503",
            table.name,
            words,
            f"select count(*) from {table.name} c where {set_} and not exists "
            f"(select from {other.name} p where {same})",
        )


def _exclusions(before: Structure, after: Structure) -> Iterator[Probe]:
    for number, new in after.constraints.items():
        table = before.tables.get(new.table)
        if table is not None and new.kind == "x" and number not in before.constraints:
            yield Probe("23P01", table.name, f"rows exclude each other by {new.name}")


def _unique(before: Structure, after: Structure) -> Iterator[Probe]:
    for number, new in after.indexes.items():
        table = before.tables.get(new.table)
        if table is None or number in before.indexes:
            continue
        keys = ", ".join(f"({each})" for each in new.keys)
        present = "" if new.nulls_equal else " and ".join(f"({k}) is not null" for k in new.keys)
        where = " and ".join(filter(None, (new.condition and f"({new.condition})", present)))
        clause = f" where {where}" if where else ""
        yield Probe(
            "23505",
            table.name,
            f"{new.name} must be unique, and there are several of one key",
            f"select coalesce(sum(n), 0) from (select count(*) n from {table.name}{clause} "
            f"group by {keys} having count(*) > 1) several"
            if _known(before, after, new.table)
            else "",
        )


def _partitions(before: Structure, after: Structure) -> Iterator[Probe]:
    for number, new in after.tables.items():
        old = before.tables.get(number)
        if old is not None and new.bound and old.bound is None:
            yield Probe(
                "23514",
                old.name,
                f"the row does not fit the partition {new.name}",
                f"select count(*) from {old.name} where not ({new.bound})",
            )


def _sequences(before: Structure, after: Structure) -> Iterator[Probe]:
    for key, begins in after.sequences.items():
        table, old = before.tables.get(key[0]), before.columns.get(key)
        if table is None or old is None or key in before.sequences:
            continue
        yield Probe(
            "23505",
            table.name,
            f"{old.name} is not below where its new sequence begins ({begins}), so that INSERTs "
            f"of the application fail. After the revision: SELECT setval(pg_get_serial_sequence("
            f"'{table.name}', '{parts(old.name)[0]}'), max({old.name})) FROM {table.name}",
            f"select count(*) from {table.name} where {old.name} >= {begins}",
            later=True,
        )


def _identities(before: Structure, after: Structure) -> Iterator[Probe]:
    for number in sorted(after.without_identity - before.without_identity):
        if (table := before.tables.get(number)) is not None:
            yield Probe(
                "55000",
                table.name,
                "it is published, and loses its replica identity: UPDATE and DELETE of the "
                f"application fail. In the revision: ALTER TABLE {table.name} REPLICA IDENTITY "
                "FULL, or make the new key first",
                f"select count(*) from {table.name}",
                later=True,
            )


def _known(before: Structure, after: Structure, table: int) -> bool:
    """Whether what is said of that table now can be asked of it as it was: no other names."""
    now = {key: each.name for key, each in after.columns.items() if key[0] == table}
    then = {key: each.name for key, each in before.columns.items() if key[0] == table}
    return all(then.get(key) == name for key, name in now.items() if key in then)
