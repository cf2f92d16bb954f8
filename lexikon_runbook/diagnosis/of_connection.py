"""Diagnoses of the way to the database: address, connection, server."""

from __future__ import annotations

from collections.abc import Iterator

from .row import Diagnosis, Remedy, Sign
from .situation import Refusal, Situation, of

NEARLY = 0.9  # of max_connections without the reserved ones
NO_DRIVER = ("No module named 'psycopg'", "Can't load plugin: sqlalchemy.dialects:postgres")
PSYCOPG3_BY_DEFAULT = (2, 1)  # SQLAlchemy 2.1 takes psycopg 3 for a plain postgresql://


def _refused(situation: Situation, kind: str) -> Iterator[Sign]:
    refusal = situation.refused
    if refusal is not None and refusal.kind == kind:
        yield _said(refusal)


def _said(refusal: Refusal) -> Sign:
    return Sign(refusal.happened, Remedy(refusal.next_step))


def _not_configured(situation: Situation) -> Iterator[Sign]:
    yield from _refused(situation, "SettingsError")


def _unreachable(situation: Situation) -> Iterator[Sign]:
    yield from _refused(situation, "TargetUnreachable")


def _too_old(situation: Situation) -> Iterator[Sign]:
    yield from _refused(situation, "TargetUnsuitable")


def _pooler(situation: Situation) -> Iterator[Sign]:
    names = situation.names
    server = of(situation.server)
    if server.pooled:
        yield Sign(
            f"the process number that port {server.port} gives is not the server's own: a pooler "
            "stands between, and locks and settings would leak to others",
            Remedy(f"let the {names.target.source} name PostgreSQL itself, usually port 5432."),
        )


def _standby(situation: Situation) -> Iterator[Sign]:
    names, server = situation.names, of(situation.server)
    if server.standby:
        primary = server.primary or "not shown to this role (pg_stat_wal_receiver, pg_monitor)"
        yield Sign(
            f"pg_is_in_recovery() is true: nothing can be written here; the primary is {primary}",
            Remedy(
                f"let the {names.target.source} name the primary, or promote this server first."
            ),
        )


def _scheme(situation: Situation) -> Iterator[Sign]:
    names, address = situation.names, of(situation.address)
    failed = situation.env_failed
    said = f"{names.error} {failed.happened if failed else ''}"
    if not any(text in said for text in NO_DRIVER):
        return
    newer = address.sqlalchemy >= PSYCOPG3_BY_DEFAULT
    if address.scheme == "postgres":
        why = "SQLAlchemy knows no postgres://"
    elif address.scheme == "postgresql" and newer and not address.psycopg3:
        why = "SQLAlchemy 2.1 takes psycopg 3 for postgresql://, and it is not installed"
    else:
        return
    name = names.target.url_env
    yield Sign(
        f"{names.target.source} begins with {address.scheme}://: {why}. The runbooks "
        "connect all the same; an env.py that takes the variable as it is does not",
        Remedy(
            "name the driver in the URL.",
            shell=(f'export {name}="postgresql+psycopg2://${{{name}#*://}}"',),
        ),
    )


def _elsewhere(situation: Situation) -> Iterator[Sign]:
    failed = situation.env_failed
    if failed is not None and failed.kind == "WrongDatabase":
        yield _said(failed)


def _connections(situation: Situation) -> Iterator[Sign]:
    server = of(situation.server)
    if server.used < NEARLY * server.allowed:
        return
    sql = tuple(session.end_with for session in server.idle[:3])
    yield Sign(
        f"{server.used} of {server.allowed} connections are in use; the longest idle: "
        + ("; ".join(session.words for session in server.idle[:3]) or "none is idle"),
        Remedy(
            "end sessions that nobody needs (these did nothing for longest), and make the "
            "application's pools smaller.",
            sql=sql,
        ),
    )


ROWS = (
    Diagnosis(
        id="not-configured",
        title="The target does not name a usable database",
        severity="danger",
        likelihood="certain",
        condition="The target's variable is not set, or what it holds is no PostgreSQL URL.",
        evidence="runbook.toml, and whether the variable holds a URL.",
        remedy="Set the variable, or correct the URL in it.",
        match=_not_configured,
        errors=("Could not parse SQLAlchemy URL",),
    ),
    Diagnosis(
        id="unreachable",
        title="No connection can be opened",
        severity="danger",
        likelihood="certain",
        condition=(
            "libpq opens no connection: refused, no such host, wrong password, TLS, too many."
        ),
        evidence="What libpq says about one attempt to connect, within ten seconds.",
        remedy="By the cause: start the server, or correct host, port, user, password or sslmode.",
        match=_unreachable,
        errors=("08001", "08006", "28P01", "28000", "3D000", "53300", "connection refused"),
    ),
    Diagnosis(
        id="server-too-old",
        title="The server is too old",
        severity="danger",
        likelihood="certain",
        condition="The server is older than PostgreSQL 14.",
        evidence="server_version_num.",
        remedy="Upgrade the server, or run plain alembic.",
        match=_too_old,
    ),
    Diagnosis(
        id="pooler",
        title="A connection pooler stands in front of the server",
        severity="danger",
        likelihood="certain",
        condition="The process number of the connection is not the server's.",
        evidence="libpq's backend number and pg_backend_pid().",
        remedy="Point the target at PostgreSQL itself.",
        match=_pooler,
        errors=("26000",),
    ),
    Diagnosis(
        id="standby",
        title="The server is a standby",
        severity="danger",
        likelihood="certain",
        condition="pg_is_in_recovery() is true.",
        evidence="pg_is_in_recovery(), and the primary's address from pg_stat_wal_receiver.",
        remedy="Point the target at the primary.",
        match=_standby,
        errors=("25006",),
    ),
    Diagnosis(
        id="env-py-elsewhere",
        title="env.py connects to another database",
        severity="danger",
        likelihood="certain",
        condition="env.py opens a connection to a database that is not the target's.",
        evidence="Database, server and start of the server of env.py's first connection.",
        remedy="Name the variable or the ini key that env.py reads in runbook.toml.",
        match=_elsewhere,
    ),
    Diagnosis(
        id="url-scheme",
        title="The URL names no driver that is installed",
        severity="danger",
        likelihood="certain",
        condition=(
            "env.py, or the error that was given, says that a driver is missing, and the URL "
            "begins with postgres://, or with postgresql:// where SQLAlchemy 2.1 is installed "
            "without psycopg 3."
        ),
        evidence=(
            "The scheme of the URL, SQLAlchemy's version, and whether psycopg can be imported."
        ),
        remedy="Begin the URL with postgresql+psycopg2://",
        match=_scheme,
        errors=NO_DRIVER,
    ),
    Diagnosis(
        id="connections-used",
        title="Hardly a connection is free",
        severity="warning",
        likelihood="possible",
        condition=(
            "At least nine in ten of max_connections, without those reserved for superusers, "
            "are used."
        ),
        evidence="pg_stat_activity, max_connections, superuser_reserved_connections.",
        remedy="End idle sessions; make pools smaller.",
        match=_connections,
        errors=("53300",),
    ),
)
