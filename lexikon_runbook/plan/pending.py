"""The revisions that a plan would run: their SQL, locks, findings and losses. Reads only.

What reads SQL is imported when there is some: most deploys have nothing to do.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import NOTHING_CHANGED, UnknownRevision
from ..postgres import catalog, connections
from ..postgres.connections import Connection
from ..postgres.names import quoted_name
from ..project.database import Database
from ..project.history import Direction, named
from ..project.ways import Move

if TYPE_CHECKING:
    from ..project.rendering import Rendered
    from .risk import AtRisk, Relation
    from .rules import Finding
    from .step import Step

# A revision that asks whether it is only rendered may run something else than it shows.
OFFLINE = re.compile(r"\b(is_offline_mode|as_sql|get_bind\(\) is None)\b")
# A constraint as SQLAlchemy's error spells it, and what pg_constraint calls its kind.
CONSTRAINT = re.compile(r"(\w+Constraint)\(.*table=Table\('(.+?)', .*schema=(?:'(.+?)'|None)\)")
CONTYPES = {
    "ForeignKeyConstraint": "f",
    "UniqueConstraint": "u",
    "CheckConstraint": "c",
    "PrimaryKeyConstraint": "p",
}
NAMES = """
    select conname from pg_constraint
    where conrelid = to_regclass(%s) and contype::text = any(%s)
    order by conname
"""


def steps(found: Database, direction: Direction, revision: str) -> tuple[Step, ...]:
    """The revisions from where the database is to `revision`, with their SQL. Reads only.

    Raises UnknownRevision when there is no way there, and HistoryError where one of them can't
    get through its own code: before anything of it ran.
    """
    if direction == "upgrade" and _is_there(found, revision):
        return ()
    if not found.env_py_ran:
        found.project.reach(found.identity)
    way = found.project.way(direction, revision, found.version.ids)
    if not way:
        return ()
    rendered = found.project.rendered(way)
    for move in way:
        if rendered[move.revision.id].fails:
            raise _can_not_run(found, way, move, rendered[move.revision.id])
    return tuple(_step(found, move, rendered[move.revision.id]) for move in way)


def _is_there(found: Database, revision: str) -> bool:
    rows = found.version.ids
    return found.history.heads == rows and revision.strip() in ("head", "heads", *rows)


def _step(found: Database, move: Move, rendered: Rendered) -> Step:
    from ..postgres import statements
    from .step import Step

    known = rendered.sql is not None and not OFFLINE.search(move.revision.source)
    where = f", line {rendered.line}" if rendered.line else ""
    why = f"{rendered.why}{where}"
    effects = [e for q in statements.read_all(rendered.renamed) for e in q.effects]
    if any(effect.action != "creates" for effect in effects):
        known, why = False, "it names other objects each time that it is read"
    return Step(
        revision=move.revision,
        direction=move.direction,
        before=move.before,
        after=move.after,
        statements=statements.read_all(rendered.sql or ()) if known else (),
        known=known,
        why=found.target.mask(why),
        digested=rendered.digested,
        varies=rendered.varies,
        tried=rendered.tried,
        of_checkout=not found.target.worker or move.revision.of_checkout,
    )


def _can_not_run(
    found: Database, way: Sequence[Move], move: Move, rendered: Rendered
) -> UnknownRevision:
    """A revision on the way raises by itself: how far one can get without it."""
    function = f"{move.direction}()"
    place = f"{move.revision.file.name}:{rendered.line}"
    reached = way[: way.index(move)]
    far = f"you can get as far as {named(move.before)}"
    if reached:
        far += f": give revision={','.join(sorted(move.before)) or 'base'}"
    elif move.direction == "downgrade":
        far = "there is no way back from here by the migrations: go forward, or restore a backup"
    else:
        far = "there is no way forward before it is mended"
    why = found.target.mask(rendered.why)
    return UnknownRevision(
        f"{function} of {move.revision.id} can't get through its own code ({place}): "
        f"{why}.{_called(found, why)}",
        state=f"{NOTHING_CHANGED[:-1]}: none of the {len(way)} revisions was begun.",
        next_step=f"{far}; or mend {function} of {move.revision.file.name}.",
    )


def _called(found: Database, why: str) -> str:
    """What PostgreSQL called the constraint that a revision names None. Reads only."""
    spelled = CONSTRAINT.search(why)
    if not spelled:
        return ""
    kind, table, schema = spelled.groups()
    place = quoted_name(table)
    if schema:
        place = f"{quoted_name(schema)}.{place}"
    kinds = [CONTYPES[kind]] if kind in CONTYPES else [*CONTYPES.values()]
    with contextlib.closing(connections.connect(found.target)) as connection:
        look_in(connection, found.version.path)
        names = [name for (name,) in connections.rows(connection, NAMES, (place, kinds))]
    return f" PostgreSQL's name of it: {' or '.join(names)}." if names else ""


def look_in(connection: Connection, path: Sequence[str]) -> None:
    """Let names without a schema mean what they mean to env.py's own session."""
    if path:
        names = ", ".join(map(quoted_name, path))
        connections.rows(connection, "select set_config('search_path', %s, false)", (names,))


def judged(
    connection: Connection,
    steps: Sequence[Step],
    risks: Sequence[AtRisk],
    lock_timeout_s: float,
) -> tuple[tuple[Step, ...], tuple[Finding, ...]]:
    """The steps with the locks they take on what exists, and what the rules find in them."""
    if not steps:
        return (), ()
    from . import rules
    from .risk import columns, sizes

    effects = [e for s in steps for q in s.statements for e in q.effects]
    locks = [lock for s in steps for q in s.statements for lock in q.locks or ()]
    names = [e.name for e in effects] + [e.table for e in effects] + [k.relation for k in locks]
    known = sizes(connection, filter(None, names))
    dropped = columns(connection, effects)
    counted = {risk.table: risk.rows for risk in risks if risk.table and risk.rows is not None}
    found: list[Finding] = []
    for step in steps:
        context = rules.Context(
            direction=step.direction,
            revision=step.revision.id,
            statements=step.statements,
            source=step.revision.source,
            rows={name: counted.get(name, relation.rows) for name, relation in known.items()},
            bytes={name: relation.bytes for name, relation in known.items()},
            qualified={
                name: relation.qualified
                for name, relation in known.items()
                if not relation.qualified.startswith("public.")
            },
            lock_timeout_s=lock_timeout_s,
            sql_known=step.known,
            tried=step.tried,
            varies=step.varies,
            columns=dropped,
        )
        found += rules.findings(context)
    return tuple(replace(step, locked=_locked(step, known)) for step in steps), tuple(found)


def rows_at_risk(
    connection: Connection, steps: Sequence[Step], *, down: bool
) -> tuple[AtRisk, ...]:
    """What the steps would drop, counted. Reads only."""
    if not steps:
        return ()
    from .risk import at_risk

    effects = [e for s in steps for q in s.statements for e in q.effects]
    return at_risk(connection, effects, down=down)


def _locked(step: Step, known: Mapping[str, Relation]) -> tuple[tuple[str, str], ...]:
    """Locks on what exists; a lock on an index is one on its table, too."""
    locks = (lock for q in step.statements for lock in q.locks or ())
    return tuple(
        (lock.mode, known[lock.relation].table) for lock in locks if lock.relation in known
    )


def left_invalid(connection: Connection, steps: Sequence[Step]) -> tuple[catalog.InvalidIndex, ...]:
    """Invalid indexes in the way of an index that the steps create."""
    if not steps:
        return ()
    path = connections.first(connections.rows(connection, "select current_schemas(false)::text[]"))
    invalid = catalog.invalid_indexes(connection)
    return tuple(i for i in invalid if any(step.creates(i, path) for step in steps))
