"""Which revision a database is at: its version row. Reads only."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import database
from .catalog.tables import NOT_SYSTEM
from .checkout import broken
from .database import Connection, Identity, quoted, quoted_name
from .errors import NOTHING_CHANGED, HistoryError, ReadFailed
from .history import History
from .settings import Target

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

# env.py's connection may have another search_path than ours; no table yet: where it will be.
SCHEMA = """
select coalesce((select nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = to_regclass({})), current_schema())
"""

NAMESAKES = f"""
select quote_ident(n.nspname),
  has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = %s and c.relkind in ('r', 'p') and {NOT_SYSTEM}
  and exists (select from pg_attribute where attrelid = c.oid and attname = 'version_num')
order by 1
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

    Raises HistoryError for several version rows, for a revision unknown to the checkout, and
    where env.py finds no version table while another one has a revision of this checkout;
    ReadFailed where that can't be told.
    """
    found = rows(target, identity)
    if not found.tracked:
        _require_no_other(target, identity, found.table, history)
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


def hidden(connection: Connection, identity: Identity, table: str) -> ReadFailed | None:
    """That there is a table of that name which this role may not read. Reads only."""
    for schema, place, readable in _namesakes(connection, table):
        if not readable:
            role = quoted_name(identity.user)
            return ReadFailed(
                f"there is a table {place}, and role {identity.user} may not read it.",
                state=NOTHING_CHANGED,
                next_step=f"GRANT USAGE ON SCHEMA {schema} TO {role}; "
                f"GRANT SELECT ON {place} TO {role}",
            )
    return None


def _require_no_other(target: Target, identity: Identity, table: str, history: History) -> None:
    """Refuse to take a database for a new one because env.py looks in another schema."""
    bare = table.rpartition(".")[2]
    own = (  # As Alembic makes it; its ensure_version does not commit under every env.py.
        f"If that is another application's, make this one's own: CREATE TABLE {quoted(table)} "
        f"(version_num varchar(32) CONSTRAINT {quoted_name(f'{bare}_pkc')} PRIMARY KEY)"
    )
    with contextlib.closing(database.connect(target)) as connection:
        for _, place, readable in _namesakes(connection, table):
            ids = _ids(connection, target, place) if readable else []
            if any(id_ in history for id_ in ids):
                raise broken(
                    f"env.py finds no {table}, and {place} says that this database is at "
                    f"{', '.join(ids)}: this run would take it for a new one.",
                    f"`lexikon-runbook run troubleshoot -p target={target.name}` shows the line of "
                    f"env.py to edit. {own}",
                )
        if unknown := hidden(connection, identity, table):
            advice = f"{unknown.next_step}. {own}"
            raise ReadFailed(unknown.happened, state=unknown.state, next_step=advice)


def _ids(connection: Connection, target: Target, place: str) -> list[str]:
    try:
        found = database.rows(connection, f"select version_num::text from {place} order by 1")
    except database.Error as error:
        raise ReadFailed(
            f"{place} could not be read: {target.mask(str(error)).partition(chr(10))[0]}.",
            state=NOTHING_CHANGED,
            next_step="`lexikon-runbook status` shows who holds which lock.",
        ) from None
    return [row[0] for row in found]


def _namesakes(connection: Connection, table: str) -> list[tuple[str, str, bool]]:
    """Tables of the version table's name in any schema: the schema, the name, if it is readable."""
    name = table.rpartition(".")[2]
    found = database.rows(connection, NAMESAKES, (name,))
    return [(schema, f"{schema}.{quoted_name(name)}", readable) for schema, readable in found]


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
