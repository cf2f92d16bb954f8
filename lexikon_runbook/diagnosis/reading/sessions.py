"""Who waits now, who would make a migration wait, and whether another runner is at work.

Reads only: three queries, however many sessions there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...errors import NOTHING_CHANGED, ReadFailed
from ...postgres import activity, connections, runner
from ...postgres.catalog.tables import NOT_SYSTEM
from ...postgres.connections import Connection
from ..evidence import Session, Wait

IDLE_S = 5.0  # in a transaction, doing nothing
LONG_S = 60.0  # in a transaction, at work
APPLICATION = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE")  # what queries take (manual, 13.3.1)
OF_ROWS = ("a row", "transaction ")  # activity.LOCK_WAITS, for a wait for another's transaction

HELD = f"""
select l.pid, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_locks l join pg_class c on c.oid = l.relation
join pg_namespace n on n.oid = c.relnamespace
where l.granted and l.pid = any(%s) and c.relkind in ('r', 'p') and {NOT_SYSTEM}
  and l.database = (select oid from pg_database where datname = current_database())
order by 1, 2
"""
PREPARED = f"""
select quote_literal(gid), owner, {activity.AGE.format("prepared")}
from pg_prepared_xacts where database = current_database() order by prepared
"""


def waits(connection: Connection) -> tuple[Wait, ...]:
    """Who waits for a lock, the longest first, with who is in the way. Reads only."""
    return tuple(_wait(found) for found in activity.waiting(connection))


def _wait(found: activity.Waiting) -> Wait:
    lock = found.lock
    of_runner = found.session.application.startswith("lexikon-runbook")
    changes = lock.mode not in APPLICATION and not lock.relation.startswith(OF_ROWS)
    blockers = tuple(_session(each) for each in found.blockers)
    seconds = lock.seconds or 0.0
    return Wait(_session(found.session), str(found), seconds, of_runner or changes, blockers)


def _session(each: activity.Session, tables: Mapping[int, Iterable[str]] | None = None) -> Session:
    held = tuple(dict.fromkeys((tables or {}).get(each.pid, ())))
    idle = each.state.startswith("idle in transaction")
    age = each.transaction_age or 0.0
    return Session(each.pid, str(each), each.end_with, age, held, idle, each.user)


def transactions(connection: Connection) -> tuple[Session, ...]:
    """Transactions that stay open, the oldest first, with the tables they hold. Reads only."""
    there = activity.sessions(connection)
    found = [each for each in there if _stays_open(each)]
    if not found:
        _require_shown(there)
        return ()
    tables: dict[int, list[str]] = {}
    for pid, name in connections.rows(connection, HELD, ([each.pid for each in found],)):
        tables.setdefault(pid, []).append(name)
    return tuple(_session(each, tables) for each in found)


def _require_shown(there: Iterable[activity.Session]) -> None:
    """Refuse to say that nobody is in the way while sessions of others are hidden."""
    if hidden := [each for each in there if each.state == "unknown"]:
        raise ReadFailed(
            f"{len(hidden)} sessions of other users are hidden from this role",
            state=NOTHING_CHANGED,
            next_step="GRANT pg_monitor TO the role",
        )


def _stays_open(each: activity.Session) -> bool:
    if each.transaction_age is None or each.blocked_by:
        return False
    if each.state.startswith("idle in transaction"):
        return (each.state_age or 0.0) >= IDLE_S
    return each.transaction_age >= LONG_S


def prepared(connection: Connection) -> tuple[Session, ...]:
    """The prepared transactions of this database, the oldest first. Reads only."""
    return tuple(
        Session(
            0,
            f"transaction {name} of {owner} has been prepared for {activity.age(seconds)}",
            f"ROLLBACK PREPARED {name}",
            seconds,
        )
        for name, owner, seconds in connections.rows(connection, PREPARED)
    )


def runners(connection: Connection) -> tuple[Session, ...]:
    """Who holds the runbooks' lock, and what a killed runner left. Reads only."""
    holder = connections.rows(connection, runner.HOLDER, (runner.KEY,))
    left = connections.rows(connection, runner.LEFT_BEHIND, (runner.APPLYING,))
    found = (activity.session(connection, pid) for (pid,) in dict.fromkeys([*holder, *left]))
    return tuple(_session(each) for each in found if each is not None)


def idle(connection: Connection) -> tuple[Session, ...]:
    """The sessions of this database that did nothing for longest, in no transaction. Reads only."""
    found = [each for each in activity.sessions(connection) if each.state == "idle"]
    longest = sorted(found, key=lambda each: -(each.state_age or 0.0))
    return tuple(_session(each) for each in longest[:3])
