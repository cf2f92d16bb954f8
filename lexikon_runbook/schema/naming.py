"""Which table somebody means by a name: as SQL writes it, or as it is. Reads only."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import NOTHING_CHANGED, NoSuchTable
from ..postgres import connections
from ..postgres.catalog.locked import LOCKED
from ..postgres.catalog.tables import NOT_SYSTEM
from ..postgres.names import spelled_name
from ..project.database import Database
from .indexes import LONGEST_NAME
from .moment import on_connection

PART = r'("(?:[^"]|"")+"|[^".]+)'
SPELT = re.compile(rf"(?:{PART}\.)?{PART}")
KINDS = {"S": "a sequence", "i": "an index", "I": "an index", "c": "a composite type"}
NAMES = f"""
select c.oid::bigint, n.nspname, c.relname, c.relkind::text, pg_table_is_visible(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where {NOT_SYSTEM} and c.relkind in ('r', 'p', 'f', 'm', 'v', 'S', 'i', 'I', 'c')
order by n.nspname, c.relname
"""
LARGEST = f"""
with {LOCKED}
select c.oid::bigint, n.nspname, c.relname, c.relkind::text, true
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join held on held.oid = c.oid
where {NOT_SYSTEM} and c.relkind in ('r', 'p', 'f', 'm', 'v')
order by c.relkind in ('r', 'p') desc,
  case when held.oid is null then pg_total_relation_size(c.oid) else c.relpages * 8192 end desc,
  n.nspname, c.relname
limit 1
"""


@dataclass(frozen=True)
class Named:
    """A relation by its number and its names; `visible` on the search path."""

    number: int
    schema: str
    name: str
    kind: str
    visible: bool = True

    def __str__(self) -> str:
        return ".".join(spelled_name(part) for part in (self.schema, self.name))


def largest(found: Database) -> Named | None:
    """The largest table; a view where there is no table, and None where there is neither."""
    rows = on_connection(found, lambda connection: connections.rows(connection, LARGEST))
    return Named(*rows[0]) if rows else None


def find(found: Database, text: str) -> Named:
    """The table or view that a name means. Reads only.

    A name may be written as in SQL (folded to lower case unless it is quoted) or just as the
    table is called, each with its schema or without. Raises NoSuchTable with the nearest names.
    """
    rows = on_connection(found, lambda connection: connections.rows(connection, NAMES))
    every = [Named(*row) for row in rows]
    meant = _meant(text.strip(), every)
    tables = [one for one in meant if one.kind not in KINDS]
    if len(tables) == 1:
        return tables[0]
    if tables:
        raise _refuse(
            f"there are {len(tables)} tables {text!r}.",
            f"{_given(str(tables[0]))}. There are {', '.join(map(str, tables))}.",
        )
    if meant:
        raise _refuse(f"{meant[0]} is {KINDS[meant[0].kind]}, not a table or view.", _some(every))
    raise _none_of(text.strip(), every)


def _meant(text: str, every: Iterable[Named]) -> list[Named]:
    """The relations that a name fits, in the first way of reading it that fits any."""
    known = list(every)
    whole = [one for one in known if f"{one.schema}.{one.name}" == text]
    verbatim = [one for one in known if one.name == text]
    return whole or _first_visible(verbatim) or _as_sql(text, known)


def _as_sql(text: str, known: list[Named]) -> list[Named]:
    match = SPELT.fullmatch(text)
    if match is None:
        return []
    schema, name = (_read(part) if part else "" for part in match.groups())
    if schema:
        return [one for one in known if (one.schema, one.name) == (schema, name)]
    return _first_visible([one for one in known if one.name == name])


def _first_visible(same: list[Named]) -> list[Named]:
    """The one that the search path finds; all of them where it finds none."""
    return [one for one in same if one.visible][:1] or same


def _read(part: str) -> str:
    """A part of a name as SQL reads it."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.strip().lower()


def _none_of(text: str, every: list[Named]) -> NoSuchTable:
    match = SPELT.fullmatch(text)
    names = [_read(part) for part in match.groups() if part] if match else [text]
    long = [n for n in names if len(n.encode()) > LONGEST_NAME]
    if long:
        cut = long[0].encode()[:LONGEST_NAME].decode(errors="ignore")
        return _refuse(
            f"a name of {len(long[0].encode())} bytes can't be a table's: PostgreSQL cuts names "
            f"after {LONGEST_NAME} bytes.",
            f"write the name as it was cut: {_given(spelled_name(cut))}.",
        )
    return _refuse(f"there is no table {text!r}.", _nearest(text, every) or _some(every))


def _nearest(text: str, every: list[Named]) -> str:
    tables = [one for one in every if one.kind not in KINDS]
    spelt = {one.name.lower(): one for one in tables} | {str(one).lower(): one for one in tables}
    near = difflib.get_close_matches(text.lower().replace('"', ""), list(spelt), 3)
    found = list(dict.fromkeys(str(spelt[name]) for name in near))
    return f"{_given(found[0])}. The nearest: {', '.join(found)}." if found else ""


def _given(name: str) -> str:
    """How a name is given, in both spellings."""
    return f"-p table={shlex.quote(name)}, or table = {name!r} in the notebook"


def _some(every: list[Named]) -> str:
    tables = [str(one) for one in every if one.kind not in KINDS]
    more = f" and {len(tables) - 8} more" if len(tables) > 8 else ""
    if not tables:
        return "this database has no table: choose another target."
    return f"choose one of {', '.join(tables[:8])}{more}: {_given(tables[0])}."


def _refuse(happened: str, next_step: str) -> NoSuchTable:
    return NoSuchTable(happened, state=NOTHING_CHANGED, next_step=next_step)
