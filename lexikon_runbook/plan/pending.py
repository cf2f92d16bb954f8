"""The revisions that a plan would run: their SQL, locks, findings and losses. Reads only.

What reads SQL is imported when there is some: most deploys have nothing to do.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
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
    from ..postgres.statements import Statement
    from ..project.rendering import Rendered
    from ..rehearsal.observed import Leg, Sent
    from .rehearsing import Rehearsed
    from .risk import AtRisk
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


def way(found: Database, direction: Direction, revision: str) -> tuple[Move, ...]:
    """The revisions from where the database is to `revision`, in order. Reads only.

    Raises UnknownRevision when there is no way there.
    """
    if direction == "upgrade" and _is_there(found, revision):
        return ()
    if not found.env_py_ran:
        found.project.reach(found.identity)
    return found.project.way(direction, revision, found.version.ids)


def steps(found: Database, way: Sequence[Move], rehearsed: Rehearsed) -> tuple[Step, ...]:
    """The steps of a way: what they sent when they were rehearsed, else as they are rendered.

    Reads only. Raises HistoryError where one of them can't get through its own code.
    """
    if rehearsed.done is None:
        return _all_rendered(found, way)
    return tuple(_rehearsed(found, move, *rehearsed.done.legs(move.revision.id)) for move in way)


def _all_rendered(found: Database, way: Sequence[Move]) -> tuple[Step, ...]:
    """The steps of a way with their SQL as Alembic's offline mode tells it."""
    if not way:
        return ()
    told = found.project.rendered(way)
    for move in way:
        if told[move.revision.id].fails:
            raise _can_not_run(found, way, move, told[move.revision.id])
    return tuple(_step(found, move, told[move.revision.id]) for move in way)


def _rehearsed(found: Database, move: Move, empty: Leg, filled: Leg) -> Step:
    """One step with what it sent on two shadows."""
    from ..postgres import statements
    from ..rehearsal.expected import Expected
    from .step import Step

    expected = Expected.of(empty, filled)
    read = [(each, q) for each in expected.shown for q in statements.read_all([each.text])]
    tried = tuple(each for each in empty.tried if each.file == str(move.revision.file))
    return Step(
        revision=move.revision,
        direction=move.direction,
        before=move.before,
        after=move.after,
        statements=tuple(_observed(each, statement) for each, statement in read),
        known=True,
        digested=expected.digested,
        varies=tuple(each.text for each, _ in expected.varying),
        tried=tried,
        of_checkout=not found.target.worker or move.revision.of_checkout,
        expected=expected,
        legs=(empty, filled),
    )


def _observed(sent: Sent, statement: Statement) -> Statement:
    """A statement with the locks that it took; where it was alone, they were gone again."""
    from ..postgres.statements import Lock

    if sent.alone:
        return statement
    locks = tuple(Lock(mode, name) for mode, name in sent.effects.locks)
    return replace(statement, locks=locks, unnamed="")


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


def rows_at_risk(
    connection: Connection, steps: Sequence[Step], *, down: bool
) -> tuple[AtRisk, ...]:
    """What the steps would drop, counted. Reads only."""
    if not steps:
        return ()
    from .risk import at_risk

    effects = [e for s in steps for q in s.statements for e in q.effects]
    return at_risk(connection, effects, down=down)


def left_invalid(connection: Connection, steps: Sequence[Step]) -> tuple[catalog.InvalidIndex, ...]:
    """Invalid indexes in the way of an index that the steps create."""
    if not steps:
        return ()
    path = connections.first(connections.rows(connection, "select current_schemas(false)::text[]"))
    invalid = catalog.invalid_indexes(connection)
    return tuple(i for i in invalid if any(step.creates(i, path) for step in steps))
