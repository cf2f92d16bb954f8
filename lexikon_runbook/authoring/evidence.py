"""What a review goes by: a revision's SQL both ways, its effect, and the sizes of its tables.

Reads the target's sizes; writes throwaway databases only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import NotBuilt, RunbookError
from ..plan import risk
from ..plan.pending import OFFLINE
from ..plan.rules import Context, Finding, findings
from ..postgres import connections, statements
from ..postgres.catalog import Catalog, Difference, difference
from ..postgres.statements import Effect, Statement
from ..project.history import Direction, Revision
from ..project.project import Project
from ..project.rendering import Rendered
from ..rehearsal.throwaway import Throwaway
from ..show.render import shorten
from ..targets.settings import Target

LOCK_TIMEOUT_S = 2.0  # the runbooks' own, which every deploy has
# On the way down, what the upgrade created goes: these say what is wrong beyond that.
OF_DOWNGRADES = frozenset(
    {
        *("irreversible", "type-left-behind", "swallowed-error", "drop-cascade"),
        *("concurrently-in-transaction", "ends-transaction", "sql-unknown"),
        "reaches-outside",
    }
)


@dataclass(frozen=True)
class Sizes:
    """Rows and bytes of the tables that exist before the revision; -1 row where not known.

    `columns` are those of them that would be dropped.
    """

    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    tables: frozenset[str]
    columns: Mapping[tuple[str, str], risk.Column]
    source: str

    def __str__(self) -> str:
        tables = [(name, n) for name, n in sorted(self.rows.items()) if name in self.tables]
        known = [f"{name} {n:,}" for name, n in tables if n >= 0]
        unknown = [name for name, n in tables if n < 0]
        said = [f"rows, by {self.source}: {', '.join(known)}"] if known else []
        if unknown:
            why = "not there" if known else self.source
            said.append(f"taken as large ({why}): {', '.join(unknown)}")
        return "; ".join(said) or "no table that is there already is concerned"


@dataclass(frozen=True)
class Evidence:
    """One revision: SQL, findings, and the catalogs before and after its upgrade.

    `after` is None where the upgrade failed; `failed` says how, `sqlstate` with what.
    """

    revision: Revision
    source: str
    up: tuple[Statement, ...]
    down: tuple[Statement, ...]
    known: bool
    known_down: bool
    before: Catalog
    after: Catalog | None
    failed: str
    sqlstate: str
    findings: tuple[Finding, ...]
    sizes: Sizes

    @property
    def context(self) -> Context:
        """The upgrade as the rules see it."""
        return _context(self.revision, self.source, "upgrade", self.up, self.known, self.sizes)

    @cached_property
    def made(self) -> Difference:
        """What the upgrade makes of the catalog; nothing where it failed."""
        return difference(self.before, self.after) if self.after else Difference()

    def effects(self, *verbs: str) -> list[Effect]:
        """The upgrade's effects with these verbs, in order."""
        return [effect for _, effect in self.context.effects(*verbs)]

    def found(self, rules: Iterable[str]) -> list[Finding]:
        """The findings of these rules."""
        wanted = set(rules)
        return [finding for finding in self.findings if finding.rule.id in wanted]


def gather(base: Throwaway, project: Project, revision: Revision) -> Evidence:
    """Read a revision, and run its upgrade on a copy of the base. Writes that copy only."""
    source = revision.source
    with base.copy(project.history) as copy:
        before, after, failed, sqlstate = copy.catalog(), None, "", ""
        up, down = _rendered(project, revision, copy.rows)
        known = (up.sql is not None or up.fails) and not OFFLINE.search(source)
        known_down = down.sql is not None or down.fails
        read_up, read_down = (statements.read_all(way.sql or ()) for way in (up, down))
        sizes = _sizes(copy, project.target, [*read_up, *read_down])
        try:
            copy.forth(revision.id)
            after = copy.catalog()
        except NotBuilt as error:
            failed, sqlstate = error.cause, error.sqlstate
    contexts = (
        replace(_context(revision, source, "upgrade", read_up, known, sizes), tried=up.tried),
        replace(
            _context(revision, source, "downgrade", read_down, known_down, sizes),
            tried=down.tried,
        ),
    )
    found = {(f.rule.id, f.detail): f for f in findings(contexts[0])}
    for finding in findings(contexts[1]):
        if finding.rule.id in OF_DOWNGRADES and not any(finding.rule.id == id_ for id_, _ in found):
            found[finding.rule.id, finding.detail] = finding
    every = tuple(found.values())
    return Evidence(
        *(revision, source, read_up, read_down, known, known_down and not down.fails),
        *(before, after, failed, sqlstate, every, sizes),
    )


def _rendered(
    project: Project, revision: Revision, rows: Sequence[str]
) -> tuple[Rendered, Rendered]:
    """A revision that follows these version rows, as SQL up and down."""
    way = project.way("upgrade", revision.id, rows)
    up = next(move for move in way if move.revision.id == revision.id)
    down = replace(up, direction="downgrade", before=up.after, after=up.before)
    first, second = (project.rendered([move])[revision.id] for move in (up, down))
    return first, second


def _context(
    revision: Revision,
    source: str,
    direction: Direction,
    sql: tuple[Statement, ...],
    known: bool,
    sizes: Sizes,
) -> Context:
    return Context(
        direction=direction,
        revision=revision.id,
        statements=sql,
        source=source,
        rows=sizes.rows,
        bytes=sizes.bytes,
        lock_timeout_s=LOCK_TIMEOUT_S,
        sql_known=known,
        columns=sizes.columns,
    )


def _sizes(copy: Throwaway, target: Target, sql: Sequence[Statement]) -> Sizes:
    """Which relations are there before, and how large the target's are. Reads only."""
    effects = [effect for statement in sql for effect in statement.effects]
    locks = [lock.relation for statement in sql for lock in statement.locks or ()]
    names = {*(e.name for e in effects), *(e.table for e in effects), *locks} - {""}
    with copy.connected() as connection:
        there = risk.sizes(connection, names)
        columns = risk.columns(connection, effects)
    source, live = f"target {target.name}", {}
    try:
        with contextlib.closing(connections.connect(target)) as connection:
            live = dict(risk.sizes(connection, there))
    except (RunbookError, connections.Error) as error:
        said = target.mask(str(getattr(error, "happened", error)))
        source = f"{source} could not be read: {shorten(said, 120)}"
    return Sizes(
        rows={name: live[name].rows if name in live else -1 for name in there},
        bytes={name: live[name].bytes for name in there if name in live},
        tables=frozenset(
            n for n in there if there[n].table.rpartition(".")[2] == n.rpartition(".")[2]
        ),
        columns=columns,
        source=source,
    )
