"""Which revision a database is at: its version row. Reads only."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import NOTHING_CHANGED, HistoryError, ReadFailed
from ..postgres import connections
from ..postgres.catalog.tables import NOT_SYSTEM
from ..postgres.connections import Connection, Identity
from ..postgres.names import quoted, quoted_name
from ..targets.settings import Target
from . import env_py
from .checkout import broken
from .history import History
from .process import Message
from .project import Project

# No table yet: where it will be.
OURS = """
select coalesce((select nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = to_regclass(%s)), current_schema()), current_schemas(false)::text[]
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
    """What a database says of itself: its version rows, and the table that holds them.

    `tracked` is whether the table exists. `path` are the schemas in which env.py's connection
    looks names up, where ours looks in others; empty where they are the same. `width` is how long
    an id env.py would make room for, None any; `named` is whether env.py says in which schema the
    table is.
    """

    ids: tuple[str, ...]
    table: str
    tracked: bool
    path: tuple[str, ...] = ()
    width: int | None = 32
    named: bool = False

    @property
    def current(self) -> str:
        """The version rows in one text; "" at base."""
        return ", ".join(self.ids)

    def __str__(self) -> str:
        return self.current or "base"


def held(connection: Connection, table: str) -> tuple[str, ...] | None:
    """The version rows that a table holds, in order; None where there is no such table."""
    name = quoted(table)
    if not connections.first(connections.rows(connection, "select to_regclass(%s)", (name,))):
        return None
    found = connections.rows(connection, f"select version_num::text from {name} order by 1")
    return tuple(str(row) for (row,) in found)


def rows(project: Project) -> Version:
    """The version rows, as env.py's own configuration finds them. Reads only.

    Needs no readable revision file. Raises HistoryError when env.py fails, or keeps several
    version tables.
    """
    target = project.target
    found = {_rows(target, place) for place in project.places()}
    if len(found) > 1:
        raise _several_tables(project, sorted({each.table for each in found}))
    return next(iter(found))


def _rows(target: Target, place: Message) -> Version:
    table, path = for_us(target, place)
    return Version(
        ids=tuple(place["rows"]),
        table=table,
        tracked=bool(place["tracked"]),
        width=place["width"],
        named=bool(place["schema"]),
        path=path,
    )


def read(project: Project, identity: Identity) -> Version:
    """Which revisions the database is at, as env.py's own configuration finds them. Reads only.

    Raises HistoryError for a revision unknown to the checkout, for rows of which one follows
    the other, and where env.py finds no version table while another one has a revision of this
    checkout; ReadFailed where that can't be told.
    """
    target, history = project.target, project.history
    found = rows(project)
    # With a tenant of its own, or a schema that it names, env.py looks where it means to.
    if not (found.tracked or found.named or target.x):
        _require_no_other(target, identity, found.table, history)
    for id_ in found.ids:
        if id_ not in history:
            raise _unknown_to_checkout(target, id_)
    for id_ in found.ids:
        if below := set(found.ids) & (history.ancestors([id_]) - {id_}):
            raise _one_below_the_other(found.table, id_, sorted(below))
    return found


def for_us(target: Target, place: Message) -> tuple[str, tuple[str, ...]]:
    """The version table as our own connections find it, who may have another path; and that path.

    Reads only.
    """
    table, there, path = str(place["table"]), str(place["found_in"]), tuple(place["path"])
    with contextlib.closing(connections.connect(target)) as connection:
        own, ours = connections.rows(connection, OURS, (quoted(table),))[0]
    alike = there in (own, "") and not place["schema"]
    return table if alike else f"{there}.{table}", () if path == tuple(ours) else path


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
                finding="version-not-readable",
            )
    return None


def _require_no_other(target: Target, identity: Identity, table: str, history: History) -> None:
    """Refuse to take a database for a new one because env.py looks in another schema."""
    bare = table.rpartition(".")[2]
    own = (  # As Alembic makes it; its ensure_version does not commit under every env.py.
        f"If that is another application's, make this one's own: CREATE TABLE {quoted(table)} "
        f"(version_num varchar(32) CONSTRAINT {quoted_name(f'{bare}_pkc')} PRIMARY KEY)"
    )
    with contextlib.closing(connections.connect(target)) as connection:
        for _, place, readable in _namesakes(connection, table):
            ids = _ids(connection, target, place) if readable else []
            if any(id_ in history for id_ in ids):
                raise broken(
                    f"env.py finds no {table}, and {place} says that this database is at "
                    f"{', '.join(ids)}: this run would take it for a new one.",
                    f"`lexikon-runbook run troubleshoot -p target={target.name}` shows the line of "
                    f"env.py to edit. {own}",
                    "version-table-elsewhere",
                )
        if unknown := hidden(connection, identity, table):
            advice = f"{unknown.next_step}. {own}"
            raise ReadFailed(
                unknown.happened,
                state=unknown.state,
                next_step=advice,
                finding=unknown.finding,
            )


def _ids(connection: Connection, target: Target, place: str) -> list[str]:
    try:
        found = connections.rows(connection, f"select version_num::text from {place} order by 1")
    except connections.Error as error:
        raise ReadFailed(
            f"{place} could not be read: {target.mask(str(error)).partition(chr(10))[0]}.",
            state=NOTHING_CHANGED,
            next_step=f"`{target.verb('status')}` shows who holds which lock.",
        ) from None
    return [row[0] for row in found]


def _namesakes(connection: Connection, table: str) -> list[tuple[str, str, bool]]:
    """Tables of the version table's name in any schema: the schema, the name, if it is readable."""
    name = table.rpartition(".")[2]
    found = connections.rows(connection, NAMESAKES, (name,))
    return [(schema, f"{schema}.{quoted_name(name)}", readable) for schema, readable in found]


def _one_below_the_other(table: str, id_: str, below: Sequence[str]) -> HistoryError:
    gone = ", ".join(f"'{each}'" for each in below)
    return broken(
        f"{table} has a row for {id_} and one for {', '.join(below)}, which it follows.",
        f"{id_} says it all; take the other away: "
        f"DELETE FROM {quoted(table)} WHERE version_num IN ({gone})",
        "several-version-rows",
    )


def _several_tables(project: Project, tables: Sequence[str]) -> HistoryError:
    target = project.target
    return broken(
        f"env.py of {target.alembic_ini} keeps several version tables in one run: "
        f"{', '.join(tables)}.",
        _one_of_several(target, project.folders.script / "env.py"),
    )


def _one_of_several(target: Target, file: Path) -> str:
    """What to do so that this env.py, unedited or not, runs for one version table."""
    names = env_py.x_names(file)
    value = f"{names[0] if names else 'NAME' if names is not None else 'tenant'}=..."
    each = (
        f'make each a target of its own, with x = ["{value}"] in its table of runbook.toml; or '
        f"name one for this run: -p x={value}"
    )
    if names is not None:
        return f"env.py takes values of -x: {each}."
    own = (target.url_env, target.env_py_variable)
    several = [name for name in env_py.switches(file) if name not in own]
    by_variable = several and (
        f"env.py reads {', '.join(several)}: where that names one of them, set it for the run: "
        f"{several[0]}=... {target.run('deploy')}. Else "
    )
    return (
        f"{by_variable or ''}env.py has no switch for one of them, and a run here is of one "
        f"version table: as it is, only `{target.alembic('upgrade heads')}` runs it. With a line "
        'in its loop, `if NAME != context.get_x_argument(as_dictionary=True).get("tenant", NAME): '
        f"continue` (NAME is the variable of the loop), {each}."
    )


def _unknown_to_checkout(target: Target, current: str) -> HistoryError:
    return broken(
        f"the database is at revision {current}, which this checkout does not have: "
        "the code is older than the database.",
        "check out the commit that has it: git log --all --oneline "
        f"-S{shlex.quote(current)} -- {shlex.quote(str(target.project))}",
        "revision-unknown",
    )
