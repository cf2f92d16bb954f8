"""Who is connected, who waits for whom, and how far a long command is. Reads only.

Durations are seconds by the server's clock. What PostgreSQL hides from a role that is no member
of pg_monitor is shown as hidden, with the GRANT that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..show.render import shorten
from . import connections
from .connections import Connection

QUERY_LENGTH = 200

NAME = """(select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c
    join pg_namespace n on n.oid = c.relnamespace where c.oid = {oid} and {database} in (0,
    (select oid from pg_database where datname = current_database())))"""
AGE = "extract(epoch from statement_timestamp() - {})::float8"
HIDDEN = "'hidden (GRANT pg_monitor TO ' || quote_ident(current_user) || ')'"

SESSIONS = f"""
select a.pid, coalesce(a.usename, ''),
  coalesce(nullif(a.application_name, ''), nullif(a.backend_type, 'client backend'), ''),
  coalesce(host(a.client_addr), case when a.client_port = -1 then 'local' end, ''),
  coalesce(a.state, 'unknown'), {AGE.format("a.state_change")}, {AGE.format("a.xact_start")},
  coalesce(a.wait_event_type || ': ' || a.wait_event, ''),
  case a.query when '<insufficient privilege>' then 'query ' || {HIDDEN} else a.query end,
  case when exists (select from pg_locks l where l.pid = a.pid and not l.granted)
    then pg_blocking_pids(a.pid) else '{{}}' end
from pg_stat_activity a
"""
# A hidden session's type is hidden, too; a background process has no user.
CLIENTS = """
where a.datname = current_database() and a.pid <> pg_backend_pid() and (
  a.backend_type = 'client backend' or a.backend_type is null and a.usesysid is not null)
order by a.xact_start nulls last, a.pid
"""

# pg_blocking_pids calls every prepared transaction 0; pg_locks has them without a pid. A mode
# conflicts with those from a certain strength on (manual, 13.3.1), but SHARE not with itself.
MODES = """'{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,
ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'::text[]"""
PREPARED = f"""
select distinct w.pid, p.owner, {AGE.format("p.prepared")}, quote_literal(p.gid)
from pg_locks w join pg_locks h on h.granted and h.pid is null and h.locktype = w.locktype
  and (h.database, h.relation, h.page, h.tuple, h.transactionid, h.classid, h.objid, h.objsubid)
    is not distinct from
    (w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid, w.objid, w.objsubid)
join pg_locks x on x.pid is null and x.locktype = 'transactionid' and x.granted
  and x.virtualtransaction = h.virtualtransaction
join pg_prepared_xacts p on p.transaction = x.transactionid
where not w.granted and (w.mode, h.mode) <> ('ShareLock', 'ShareLock')
  and array_position({MODES}, h.mode)
    >= ('{{8,7,5,4,3,3,2,1}}'::int[])[array_position({MODES}, w.mode)]
"""
OF_WHAT = {
    "oid": "coalesce(l.relation, t.relation)",
    "database": "coalesce(l.database, t.database)",
}
# Who waits for a row waits for its transaction and holds a lock on the tuple meanwhile.
LOCK_WAITS = f"""
select l.pid, upper(trim(regexp_replace(replace(l.mode, 'Lock', ''), '([A-Z])', ' \\1', 'g'))),
  case l.locktype
    when 'relation' then coalesce(named.name, 'relation ' || l.relation)
    when 'transactionid' then coalesce('a row of ' || named.name, 'transaction ' || l.transactionid)
    when 'tuple' then coalesce('a row of ' || named.name, 'a row')
    when 'virtualxid' then 'an older transaction (' || l.virtualxid || ')'
    when 'advisory' then concat('advisory lock ', l.classid, '/', l.objid)
    else l.locktype || coalesce(' of ' || named.name, '') end,
  {AGE.format("l.waitstart")}
from pg_locks l left join pg_locks t on t.pid = l.pid and t.granted and t.locktype = 'tuple'
  and l.locktype = 'transactionid', lateral (select {NAME.format(**OF_WHAT)} as name) as named
where not l.granted and l.pid is not null and (%(pid)s is null or l.pid = %(pid)s)
order by l.waitstart, l.pid
"""

PROGRESS = " union all ".join(
    f"select '{view}', to_jsonb(p), {NAME.format(oid='p.relid', database='p.datid')}, {HIDDEN}"
    f" from pg_stat_progress_{view} p where p.pid = %(pid)s"
    for view in ("create_index", "cluster", "vacuum", "analyze", "copy")
)
# The first whose total is known counts.
COUNTED = (
    ("lockers_done", "lockers_total", "sessions"),
    ("partitions_done", "partitions_total", "partitions"),
    ("heap_blks_scanned", "heap_blks_total", "blocks"),
    ("sample_blks_scanned", "sample_blks_total", "blocks"),
    ("blocks_done", "blocks_total", "blocks"),
    ("tuples_done", "tuples_total", "rows"),
    ("bytes_processed", "bytes_total", "bytes"),
)


@dataclass(frozen=True)
class Session:
    """One server process, or one prepared transaction (then `pid` is 0 and `prepared` its name).

    `blocked_by` holds the processes it waits for, 0 for any prepared transaction.
    """

    pid: int
    user: str
    application: str
    client: str
    state: str
    state_age: float | None
    transaction_age: float | None
    wait_event: str = ""
    query: str = ""
    blocked_by: tuple[int, ...] = ()
    prepared: str = ""

    @property
    def end_with(self) -> str:
        """The SQL that ends it; what it did and has not committed is lost."""
        if self.prepared:
            return f"ROLLBACK PREPARED {self.prepared}"
        return f"SELECT pg_terminate_backend({self.pid})"

    def __str__(self) -> str:
        since = f" for {age(self.state_age)}" if self.state_age is not None else ""
        if self.prepared:
            return f"prepared transaction {self.prepared} of {self.user}{since}: {self.end_with}"
        if self.transaction_age is not None and self.transaction_age > (self.state_age or 0) + 1:
            since += f", in a transaction for {age(self.transaction_age)}"
        state = "" if self.state == "unknown" else f" {self.state}{since}"
        query = f": {shorten(self.query, QUERY_LENGTH)}" if self.query else ""
        return f"pid {self.pid} '{self.application or self.user}'{state}{query}"


@dataclass(frozen=True)
class LockWait:
    """What a process waits for. `relation` is a qualified name, or words where it is no table."""

    pid: int
    mode: str
    relation: str
    seconds: float | None

    def __str__(self) -> str:
        since = f" for {age(self.seconds)}" if self.seconds is not None else ""
        return f"waits{since} for {self.mode} on {self.relation}"


@dataclass(frozen=True)
class Waiting:
    """A session, the lock it waits for, and who is in the way, the roots first."""

    session: Session
    lock: LockWait
    blockers: tuple[Session, ...]

    def __str__(self) -> str:
        named = "; ".join(map(str, self.blockers[:3])) or "a session that has ended since"
        if len(self.blockers) > 3:
            named += f"; and {len(self.blockers) - 3} more"
        who = f"pid {self.session.pid} '{self.session.application or self.session.user}'"
        return f"{who} {self.lock}, blocked by {named}"


@dataclass(frozen=True)
class Progress:
    """How far a command is, as far as its phase counts anything."""

    pid: int
    command: str
    relation: str
    phase: str
    done: int
    total: int
    unit: str

    @property
    def fraction(self) -> float | None:
        """Of this phase, 0 to 1; None where the total is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    def __str__(self) -> str:
        what = " on ".join(filter(None, (self.command, self.relation)))
        what += f": {self.phase}" if self.phase else ""
        counted = f" ({self.done:,} of {self.total:,} {self.unit})"
        return what if self.fraction is None else f"{what}, {self.fraction:.0%}{counted}"


def age(seconds: float) -> str:
    """Seconds in words: `2.1 s`, `14 min`, `3 h 4 min`, `2 d 5 h`. Pure."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d {minutes // 60 % 24} h"


def sessions(connection: Connection) -> tuple[Session, ...]:
    """All client sessions of this database but ours, the oldest transaction first. Reads only."""
    return _sessions(connection, CLIENTS)


def session(connection: Connection, pid: int) -> Session | None:
    """One server process, or None when it has ended. Reads only."""
    return next(iter(_sessions(connection, "where a.pid = %(pid)s", pid)), None)


def blockers(connection: Connection, pid: int) -> tuple[Session, ...]:
    """Everybody the process waits for, directly or not. Reads only.

    The roots, who wait for nobody, come first: ending the first frees the most. Empty when the
    process waits for nobody.
    """
    return _Picture.taken(connection).blockers(pid)


def waiting(connection: Connection) -> tuple[Waiting, ...]:
    """Who waits for a lock, the longest wait first, with their blockers. Reads only."""
    waits = _lock_waits(connection)
    if not waits:
        return ()
    picture = _Picture.taken(connection)
    return tuple(
        Waiting(picture.sessions[wait.pid], wait, picture.blockers(wait.pid))
        for wait in waits
        if wait.pid in picture.sessions
    )


def lock_wait(connection: Connection, pid: int) -> LockWait | None:
    """The lock that the process waits for, or None when it does not wait. Reads only."""
    return next(iter(_lock_waits(connection, pid)), None)


def progress(connection: Connection, pid: int) -> Progress | None:
    """How far the process's command is, or None when the server does not tell. Reads only.

    It tells for CREATE INDEX, REINDEX, CLUSTER, VACUUM, ANALYZE and COPY.
    """
    for view, values, relation, hidden in connections.rows(connection, PROGRESS, {"pid": pid}):
        command = values.get("command") or view.upper().replace("_", " ")
        phase = values.get("phase") or ("" if values["relid"] is not None else hidden)
        return Progress(pid, command, relation or "", phase, *_count(phase, values))
    return None


@dataclass(frozen=True)
class _Picture:
    """All sessions at one moment, and the prepared transactions by who waits for them."""

    sessions: Mapping[int, Session]
    prepared: Mapping[int, tuple[Session, ...]]

    @classmethod
    def taken(cls, connection: Connection) -> _Picture:
        found = {session.pid: session for session in _sessions(connection)}
        any_prepared = any(0 in session.blocked_by for session in found.values())
        return cls(found, _prepared(connection) if any_prepared else {})

    def blockers(self, pid: int) -> tuple[Session, ...]:
        found, prepared, to_see = dict[int, None](), dict[Session, None](), [pid]
        while to_see:
            seen = to_see.pop()
            prepared |= dict.fromkeys(self.prepared.get(seen, ()))
            session = self.sessions.get(seen)
            new = [p for p in (session.blocked_by if session else ()) if p and p not in found]
            found |= dict.fromkeys(new)
            to_see += new
        named = [self.sessions[p] for p in found if p in self.sessions and p != pid]
        order = sorted(named, key=lambda s: (bool(s.blocked_by), -(s.transaction_age or 0)))
        return (*prepared, *order)


def _sessions(connection: Connection, condition: str = "", pid: int = 0) -> tuple[Session, ...]:
    found = connections.rows(connection, SESSIONS + condition, {"pid": pid})
    return tuple(Session(*(*row[:-1], tuple(row[-1]))) for row in found)


def _prepared(connection: Connection) -> dict[int, tuple[Session, ...]]:
    found: dict[int, tuple[Session, ...]] = {}
    for pid, owner, since, name in connections.rows(connection, PREPARED):
        blocker = Session(0, owner, "", "", "prepared", since, since, prepared=name)
        found[pid] = (*found.get(pid, ()), blocker)
    return found


def _lock_waits(connection: Connection, pid: int | None = None) -> tuple[LockWait, ...]:
    return tuple(LockWait(*row) for row in connections.rows(connection, LOCK_WAITS, {"pid": pid}))


def _count(phase: str, values: Mapping[str, Any]) -> tuple[int, int, str]:
    for done, total, unit in COUNTED:
        if values.get(total) and (unit != "sessions" or phase.startswith("waiting")):
            return int(values[done] or 0), int(values[total]), unit
    return 0, 0, ""
