"""Why a connection could not be opened, in words, with what to do about it. Pure."""

from __future__ import annotations

import re

from ..errors import NOTHING_CHANGED, TargetUnreachable
from ..targets.settings import Target
from ..targets.urls import DEFAULT_PORT, Address

# libpq gives no SQLSTATE for a connection that never began, so its text is all there is;
# what none of these fits gets the general advice.
CAUSES = (
    ("password authentication failed", "wrong user or password", "check both in the {source}."),
    ("no password supplied", "no password was given", "add the password to the {source}."),
    (
        'database ".*" does not exist',
        "there is no such database",
        "correct the name in the {source}; psql -l -h {host} -p {port} lists them.",
    ),
    (
        'role ".*" does not exist',
        "there is no such user",
        "correct the user in the {source}, or create it: createuser -h {host} -p {port} NAME",
    ),
    (
        "local user with ID|could not look up .*user",
        "the URL names no user, and the user who runs this has no name",
        "write the user into the {source}, or export PGUSER=NAME",
    ),
    (
        "session is (not )?read-only|server is (not )?in hot standby mode",
        "no server there is the kind that target_session_attrs asks for",
        "correct target_session_attrs or the hosts in the {source}.",
    ),
    (
        "too many clients|remaining connection slots|too many connections",
        "the server has no free connection",
        "end idle sessions (pg_stat_activity lists them), then run again.",
    ),
    (
        "starting up|shutting down|in recovery mode|not yet accepting",
        "the server is starting or stopping",
        "wait until it accepts connections: pg_isready -h {host} -p {port}",
    ),
    (
        r"pg_hba\.conf",
        "the server does not let this host or user in",
        "ask for a line in its pg_hba.conf, or correct the {source}.",
    ),
    (
        "definition of service|service file",
        "libpq can't use that service",
        "check the name in ~/.pg_service.conf, or in the file that PGSERVICEFILE names.",
    ),
    (
        "SSL|certificate",
        "the TLS handshake failed",
        "check sslmode and sslrootcert in the {source}.",
    ),
    (
        "could not translate host name",
        "there is no such host",
        "correct the host in the {source}.",
    ),
    (
        "Connection refused|No such file or directory",
        "no PostgreSQL listens there",
        "start it, or correct host and port in the {source}: pg_isready -h {host} -p {port}",
    ),
    (
        "timeout expired|timed out|unreachable|No route",
        "the server does not answer",
        "check the network and the firewall: pg_isready -h {host} -p {port}",
    ),
    (
        "invalid .*option|invalid .*value|invalid port|invalid integer|invalid dsn",
        "libpq does not take that address",
        "correct the {source}; what may follow the ? is in docs/targets.md.",
    ),
)
GENERAL = "check that PostgreSQL runs there: pg_isready -h {host} -p {port}"


def explain(target: Target, address: Address, message: str) -> TargetUnreachable:
    """The refusal for what libpq said about an attempt to connect; no secret is in it."""
    lines = [line.strip() for line in target.mask(message).splitlines() if line.strip()]
    line, cause, advice = next(
        (
            (line, cause, advice)
            for words, cause, advice in CAUSES
            for line in lines
            if re.search(words, line)
        ),
        (lines[0] if lines else "no reason was given", "the connection failed", GENERAL),
    )
    places = [(host or "localhost", port or DEFAULT_PORT) for host, port in address.places]
    on = ", ".join(f"{host}:{port}" for host, port in places)
    named = f"database {address.database} on {on}" if address.database else target.source
    host, port = (",".join(each) for each in zip(*places, strict=True))
    return TargetUnreachable(
        f"target {target.name}: {cause}: {named}.\n  {line}",
        state=NOTHING_CHANGED,
        next_step=advice.format(source=target.source, host=host, port=port),
        finding="unreachable",
    )
