"""What each statement does to the relations that were there before its revision. Reads only.

Asked on the revision's own connection, in its own transaction, where only it can be seen: which
locks it took, which files were written anew, which tables were searched, which rows written.
"""

from __future__ import annotations

from typing import Any

# Whatever else a session holds, only relations of this database that no system owns count.
# They go on from one transaction of a session to the next, until the server collects them.
COUNTERS = ", ".join(
    f"pg_stat_get_xact_{name}({{oid}})"
    for name in ("numscans", "tuples_inserted", "tuples_updated", "tuples_deleted")
)
BEFORE = """
select c.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text,
  pg_relation_filenode(c.oid)::bigint, {counters}
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'v', 'f')
  and n.nspname !~ '^pg_(toast|temp)'
""".format(counters=COUNTERS.format(oid="c.oid"))
LOOK = """
select l.relation::bigint, l.mode, pg_relation_filenode(l.relation)::bigint, {counters}
from pg_locks l where l.locktype = 'relation' and l.pid = pg_backend_pid() and l.granted
  and l.relation >= 16384
  and l.database = (select oid from pg_database where datname = current_database())
""".format(counters=COUNTERS.format(oid="l.relation"))
WHOLE = """
select quote_ident(n.nspname) || '.' || quote_ident(c.relname), l.mode,
  pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid),
  pg_stat_get_xact_tuples_deleted(c.oid)
from pg_locks l join pg_class c on c.oid = l.relation
join pg_namespace n on n.oid = c.relnamespace
where l.locktype = 'relation' and l.pid = pg_backend_pid() and l.granted and c.oid >= 16384
  and c.relkind in ('r', 'p', 'm', 'v', 'f') and n.nspname !~ '^pg_(toast|temp)'
  and l.database = (select oid from pg_database where datname = current_database())
"""
MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
TABLES = "rpmvf"


class Trace:
    """One revision under way. What earlier statements of it did is not told again."""

    def __init__(self) -> None:
        self.before: dict[int, tuple[str, str]] = {}
        self.held: dict[int, int] = {}
        self.files: dict[int, Any] = {}
        self.counters: dict[int, list[int]] = {}

    def begin(self, connection: Any) -> None:
        """A revision begins on that connection, as the driver has it."""
        rows = asked(connection, BEFORE)
        self.before = {oid: (name, kind) for oid, name, kind, *_ in rows}
        self.files = {oid: file for oid, _, _, file, *_ in rows}
        self.counters = {oid: _numbers(counted) for oid, _, _, _, *counted in rows}
        self.held = {}
        self.since(connection)

    def since(self, connection: Any) -> dict[str, Any]:
        """What was done since the last look: names of relations, modes, rows."""
        found: dict[str, Any] = {"locks": [], "rewritten": [], "scanned": [], "wrote": {}}
        ranks: dict[int, int] = {}
        for oid, mode, file, *counted in asked(connection, LOOK):
            if oid not in self.before or mode not in MODES:
                continue
            ranks[oid] = max(ranks.get(oid, -1), MODES.index(mode))
            name, kind = self.before[oid]
            if file is not None and file != self.files[oid]:
                self.files[oid] = file
                found["rewritten"] += [name] if kind in "rm" else []
            now = _numbers(counted)
            searched, *written = [max(0, a - b) for a, b in zip(now, self._counted(oid))]
            self.counters[oid] = now
            if kind in TABLES and searched:
                found["scanned"].append(name)
            if kind in TABLES and any(written):
                found["wrote"][name] = written
        for oid, rank in ranks.items():
            name, kind = self.before[oid]
            if rank > self.held.get(oid, -1) and kind in TABLES:
                found["locks"].append([MODES[rank], name])
            self.held[oid] = max(rank, self.held.get(oid, -1))
        return found

    def _counted(self, oid: int) -> list[int]:
        return self.counters.get(oid, [0, 0, 0, 0])


def whole(connection: Any) -> dict[str, Any]:
    """What the transaction under way holds and wrote: the modes of locks, and rows, by name."""
    locks: dict[str, int] = {}
    wrote: dict[str, list[int]] = {}
    for name, mode, *counted in asked(connection, WHOLE):
        if mode in MODES:
            locks[name] = max(locks.get(name, 0), MODES.index(mode))
            if any(counted):
                wrote[name] = _numbers(counted)
    return {"locks": {name: MODES[rank] for name, rank in locks.items()}, "wrote": wrote}


def _numbers(counted: list[Any]) -> list[int]:
    return [int(each or 0) for each in counted]


def asked(connection: Any, sql: str) -> list[Any]:
    """Ask on a driver's connection, unseen by SQLAlchemy: no statement of the revision."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        return list(cursor.fetchall())
    finally:
        cursor.close()
