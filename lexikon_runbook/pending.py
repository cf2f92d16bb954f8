"""The revisions that a plan would run: their SQL, locks, findings and losses. Reads only.

What reads SQL is imported when there is some: most deploys have nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalog, database
from .checkout import checksum
from .database import Connection
from .errors import NOTHING_CHANGED, UnknownRevision
from .history import Direction, named, rows_after
from .preflight import Preflight

if TYPE_CHECKING:
    from .checks import Finding
    from .risk import AtRisk, Relation
    from .step import Step

# A revision that asks whether it is only rendered may run something else than it shows.
OFFLINE = re.compile(r"\b(is_offline_mode|as_sql|get_bind\(\) is None)\b")


def steps(found: Preflight, direction: Direction, revision: str) -> tuple[Step, ...]:
    """The revisions from where the database is to `revision`, with their SQL. Reads only.

    Raises UnknownRevision when there is no way there.
    """
    current = found.version.current
    ahead = found.history.steps(direction, revision, current)
    if not ahead:
        return ()
    from . import offline, statements
    from .step import Step

    sql = offline.render(found.target, found.identity, found.history, direction, revision, current)
    before, made = frozenset({current} - {""}), []
    for step in ahead:
        texts = sql[step.revision.revision]
        after = rows_after(step, before)
        read = statements.read_all(texts or ())
        file = found.history.revision(step.revision.revision)
        known = texts is not None and not OFFLINE.search(file.source)
        made.append(Step(file, direction, before, after, read if known else (), known))
        before = after
    if len(before) > 1:
        raise UnknownRevision(
            f"{direction} to {revision!r} undoes a merge and ends at {named(before)}: a database "
            "with several version rows.",
            state=NOTHING_CHANGED,
            next_step="go back to a revision below both branches; `alembic history` shows where "
            "they part.",
        )
    return tuple(made)


def env_py(found: Preflight) -> str:
    """The checksum of env.py: it decides how the revisions run."""
    return checksum((Path(found.history.script.dir) / "env.py").read_bytes())


def judged(
    connection: Connection,
    steps: Sequence[Step],
    risks: Sequence[AtRisk],
    lock_timeout_s: float,
) -> tuple[tuple[Step, ...], tuple[Finding, ...]]:
    """The steps with the locks they take on what exists, and what the rules find in them."""
    if not steps:
        return (), ()
    from . import checks
    from .risk import sizes

    effects = [e for s in steps for q in s.statements for e in q.effects]
    locks = [lock for s in steps for q in s.statements for lock in q.locks or ()]
    names = [e.name for e in effects] + [e.table for e in effects] + [k.relation for k in locks]
    known = sizes(connection, filter(None, names))
    counted = {risk.table: risk.rows for risk in risks if risk.table and risk.rows is not None}
    found: list[Finding] = []
    for step in steps:
        context = checks.Context(
            direction=step.direction,
            revision=step.revision.id,
            statements=step.statements,
            source=step.revision.source,
            rows={name: counted.get(name, relation.rows) for name, relation in known.items()},
            bytes={name: relation.bytes for name, relation in known.items()},
            lock_timeout_s=lock_timeout_s,
            sql_known=step.known,
        )
        found += checks.findings(context)
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
    path = database.first(database.rows(connection, "select current_schemas(false)::text[]"))
    invalid = catalog.invalid_indexes(connection)
    return tuple(i for i in invalid if any(step.creates(i, path) for step in steps))
