"""Diagnoses of the sessions: who waits now, and who would make a migration wait."""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import Session
from .row import Diagnosis, Remedy, Sign
from .situation import Situation, Unknown, of

LONG_WAIT_S = 10.0  # longer than any lock_timeout in use (docs/deploy.md): pgroll 0.5 s to 10 s
SHORT_STATEMENT_MS = 60_000


def _blocked(situation: Situation) -> Iterator[Sign]:
    for wait in of(situation.waits):
        first = wait.blockers[:1]
        yield Sign(
            wait.words,
            Remedy(
                "let the one in the way finish, or end it: what it has not committed is lost."
                if first
                else "the one in the way has ended since: look again.",
                sql=tuple(session.end_with for session in first),
            ),
            severity=None if wait.migrates else "warning",
        )


def _waits_long(situation: Situation) -> Iterator[Sign]:
    server = of(situation.server)
    for wait in of(situation.waits):
        if wait.migrates and wait.seconds > LONG_WAIT_S:
            yield Sign(
                f"{wait.words}: its lock_timeout is longer than {LONG_WAIT_S:g} s, or none, and "
                "everybody who wants the table waits behind it",
                _short(wait.session.user or server.user, server.database),
            )
    configured = int(server.settings.get("lock_timeout", "0"))
    if configured > LONG_WAIT_S * 1000:
        yield Sign(
            f"a new session of {server.user} gets lock_timeout = {configured / 1000:g} s",
            _short(server.user, server.database),
            likelihood="possible",
        )


def _short(user: str, database: str) -> Remedy:
    return Remedy(
        "deploy by the runbook, which waits 2 s and tries again; for plain alembic:",
        sql=(f"ALTER ROLE {user} IN DATABASE {database} SET lock_timeout = '2s'",),
    )


def _statement_timeout(situation: Situation) -> Iterator[Sign]:
    server = of(situation.server)
    limit = int(server.settings.get("statement_timeout", "0"))
    if 0 < limit < SHORT_STATEMENT_MS:
        yield Sign(
            f"a new session of {server.user} gets statement_timeout = {limit / 1000:g} s",
            Remedy(
                "deploy by the runbook, which sets its own; for plain alembic:",
                sql=(
                    f"ALTER ROLE {server.user} IN DATABASE {server.database} "
                    "SET statement_timeout = '15min'",
                ),
            ),
        )


def _open(situation: Situation) -> Iterator[Sign]:
    named = set()
    if not isinstance(situation.waits, Unknown):
        named = {blocker.pid for wait in situation.waits for blocker in wait.blockers}
    for session in of(situation.transactions):
        if session.pid in named:
            continue
        touched = _touched(situation, session)
        holds = f", and holds {', '.join(session.tables)}" if session.tables else ""
        pending = f"; {touched} needs it" if touched else ""
        yield Sign(
            session.words + holds + pending,
            Remedy(
                "let it end first, or end it: what it has not committed is lost. So that a "
                "forgotten transaction ends by itself:"
                if session.idle
                else "let it end first, or end it: what it has not committed is lost.",
                sql=(session.end_with, *_ends_by_itself(situation, session)),
            ),
            likelihood="certain" if touched else None,
        )


def _touched(situation: Situation, session: Session) -> str:
    """The first pending revision that alters a table which one session holds."""
    if isinstance(situation.pending, Unknown):
        return ""
    held = set(session.tables)
    return next((each.revision for each in situation.pending.touched if each.table in held), "")


def _ends_by_itself(situation: Situation, session: Session) -> tuple[str, ...]:
    server = situation.server
    if isinstance(server, Unknown) or not session.idle:
        return ()
    if server.settings.get("idle_in_transaction_session_timeout", "0") != "0":
        return ()
    return (f"ALTER DATABASE {server.database} SET idle_in_transaction_session_timeout = '10min'",)


def _prepared(situation: Situation) -> Iterator[Sign]:
    for session in of(situation.prepared):
        yield Sign(
            session.words,
            Remedy(
                "ask who prepared it; then COMMIT PREPARED it, or take it back:",
                sql=(session.end_with,),
            ),
        )


def _runner(situation: Situation) -> Iterator[Sign]:
    for session in of(situation.runner):
        yield Sign(
            session.words,
            Remedy(
                "wait for it when that run is alive; when its process is gone, end its session:",
                sql=(session.end_with,),
            ),
        )


ROWS = (
    Diagnosis(
        id="blocked",
        title="A session waits for a lock now",
        severity="danger",
        likelihood="certain",
        condition=(
            "A lock is asked for and not granted at this moment. A warning when it is no "
            "migration that waits."
        ),
        evidence="pg_locks, pg_blocking_pids(), pg_stat_activity.",
        remedy="End the session at the root of the queue, or wait for it.",
        match=_blocked,
        errors=("55P03", "40P01", "57014"),
        runbook="deploy",
    ),
    Diagnosis(
        id="lock-timeout-long",
        title="A migration waits for its lock too long",
        severity="warning",
        likelihood="likely",
        condition=(
            f"A migration has waited over {LONG_WAIT_S:g} s for a lock, or the role's own "
            f"lock_timeout "
            "is longer than that."
        ),
        evidence="pg_locks.waitstart, and lock_timeout as a new session of this role gets it.",
        remedy="Give the role a short lock_timeout, or deploy by the runbook.",
        match=_waits_long,
        runbook="deploy",
    ),
    Diagnosis(
        id="statement-timeout-short",
        title="The role's statements are cut off soon",
        severity="note",
        likelihood="possible",
        condition="statement_timeout of a new session of this role is under a minute.",
        evidence="pg_settings.reset_val.",
        remedy="Give the migrating role a longer one, or deploy by the runbook.",
        match=_statement_timeout,
        errors=("57014",),
        runbook="deploy",
    ),
    Diagnosis(
        id="open-transaction",
        title="A transaction stays open, and a migration would wait for it",
        severity="warning",
        likelihood="likely",
        condition=(
            "A session is idle in a transaction for over five seconds, or in one for over a "
            "minute. Certain when it holds a table that a pending revision alters."
        ),
        evidence="pg_stat_activity and pg_locks, and the offline SQL of the pending revisions.",
        remedy="End it; give the database an idle_in_transaction_session_timeout.",
        match=_open,
        errors=("55P03", "25P03"),
    ),
    Diagnosis(
        id="prepared-transaction",
        title="A prepared transaction was forgotten",
        severity="warning",
        likelihood="likely",
        condition=(
            "A transaction of this database is prepared, and neither committed nor rolled back."
        ),
        evidence="pg_prepared_xacts.",
        remedy="COMMIT PREPARED or ROLLBACK PREPARED.",
        match=_prepared,
        errors=("55P03",),
    ),
    Diagnosis(
        id="runner-at-work",
        title="Another runner holds this database",
        severity="danger",
        likelihood="likely",
        condition=(
            "A session holds the advisory lock of the runbooks, or is left of a killed runner."
        ),
        evidence="pg_locks, by the key of the runbooks' lock, and pg_stat_activity.",
        remedy="Wait for it, or end its session when its process is gone.",
        match=_runner,
        errors=("55P03",),
        runbook="deploy",
    ),
)
