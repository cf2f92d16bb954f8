"""Which revision a database is at: its version row. Reads only."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import database
from .checkout import broken
from .database import Identity, quoted
from .errors import HistoryError
from .history import History
from .settings import Target

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

# env.py's connection may have another search_path than ours; no table yet: where it will be.
SCHEMA = """
select coalesce((select nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = to_regclass({})), current_schema())
"""


@dataclass(frozen=True)
class Version:
    """What a database says of itself: its version row, and the table that holds it."""

    current: str
    table: str
    tracked: bool

    def __str__(self) -> str:
        return self.current or "base"


@dataclass(frozen=True)
class Rows:
    """What the version table holds, whatever it is; `tracked` is whether it exists."""

    ids: tuple[str, ...]
    table: str
    tracked: bool


def rows(target: Target, identity: Identity) -> Rows:
    """The version rows, as env.py's own configuration finds them. Reads only.

    Needs no readable revision file. Raises HistoryError when env.py fails.
    """
    from . import environment

    seen: list[Rows] = []

    def look(_heads: Any, context: MigrationContext) -> list[Any]:
        current = tuple(sorted(context.get_current_heads()))
        tracked = bool(current) or context._has_version_table()
        seen.append(Rows(current, table_of(target, context), tracked))
        return []

    environment.run(target, identity, look, dont_mutate=True)
    return seen[-1]


def table_of(target: Target, context: MigrationContext) -> str:
    """The version table by the name that our own connections find it by. Reads only."""
    from sqlalchemy import text

    if context.version_table_schema:
        return f"{context.version_table_schema}.{context.version_table}"
    if context.connection is None:
        return str(context.version_table)
    asked = {"name": quoted(context.version_table)}
    schema = context.connection.scalar(text(SCHEMA.format(":name")), asked)
    return _for_us(target, context.version_table, schema)


def read(target: Target, identity: Identity, history: History) -> Version:
    """Which revision the database is at, as env.py's own configuration finds it. Reads only.

    Raises HistoryError for several version rows and for a revision unknown to the checkout.
    """
    found = rows(target, identity)
    if len(found.ids) > 1:
        raise _several_rows(found.table, found.ids)
    current = "".join(found.ids)
    if current and current not in history:
        raise _unknown_to_checkout(target, current)
    return Version(current, found.table, found.tracked)


def _for_us(target: Target, table: str, schema: str | None) -> str:
    """A table that another connection finds in that schema, as ours find it. Reads only."""
    with contextlib.closing(database.connect(target)) as connection:
        own = database.rows(connection, SCHEMA.format("%s"), (quoted(table),))[0][0]
    return table if schema in (own, None) else f"{schema}.{table}"


def _several_rows(table: str, current: Iterable[str]) -> HistoryError:
    ids = ", ".join(current)
    return broken(
        f"{table} has several rows: {ids}.",
        "see which are real: alembic history --indicate-current. Join real branches by "
        "`alembic upgrade` to the revision that merges them; delete the row that is wrong.",
    )


def _unknown_to_checkout(target: Target, current: str) -> HistoryError:
    return broken(
        f"the database is at revision {current}, which this checkout does not have: "
        "the code is older than the database.",
        "check out the commit that has it: git log --all --oneline "
        f"-S{shlex.quote(current)} -- {shlex.quote(str(target.project))}",
    )
