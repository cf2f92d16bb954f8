"""Whether a connection that env.py opens is one to the target's database. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import NOTHING_CHANGED, TargetUnsuitable, WrongDatabase
from ..postgres.connections import Identity
from ..targets.settings import Target
from .process import Message

COPY = ", which was started at another time"
NAMEABLE = re.compile(r"[\w.-]+:\d+|\[[\da-fA-F:.]+\]:\d+")
NOTHING_RAN = "no statement of a revision ran on either database."
PLACE = re.compile(r"(local socket|[\w.:/-]*):\d+/[\w.$-]*")


def require_postgresql(target: Target, identity: Identity | None, message: Message) -> None:
    """Refuse other products, and any place at all where none may be reached."""
    if message["dialect"] != "postgresql":
        raise _wrong(target, identity, f"a {message['dialect']} database")


def of_target(target: Target, identity: Identity | None, message: Message, *, second: bool) -> bool:
    """Whether a connection is to the target's database; False: to one that env.py may read.

    `second`: the target's was reached in the same run of env.py. Raises WrongDatabase for any
    other, TargetUnsuitable for a pooler.
    """
    name, oid, port, system, started, host, pid = message["row"]
    # One of the two roles may not be allowed to see the system's number.
    if (
        identity is None
        or (name, oid, port, started)
        != (identity.database, identity.database_oid, identity.port, identity.started)
        or (system and identity.system_identifier not in ("", system))
    ):
        if {(host, port), tuple(message["place"] or ())} & set(_named(target)):
            return False
        raise _another(target, identity, message, second=second)
    if message["told"] not in (pid, None):
        raise TargetUnsuitable(
            f"env.py of {target.alembic_ini} connects to the database of target {target.name} "
            "through a connection pooler; locks and settings would leak to others.",
            state=NOTHING_CHANGED,
            next_step="let env.py connect to PostgreSQL itself, usually port 5432 in place of "
            "6432.",
            finding="pooler",
        )
    return True


def _named(target: Target) -> Iterator[tuple[str, str]]:
    return ((host, str(port)) for host, port in target.reach)


def _another(
    target: Target, identity: Identity | None, message: Message, *, second: bool
) -> WrongDatabase:
    name, _, port, _, started, host, _ = message["row"]
    other, where = f"database {name} on {host}:{port}", message["place"] or (host, port)
    place = "[{}]:{}" if ":" in where[0] else "{}:{}"
    named = place.format(*where)
    lets = (
        f'rehearsal_may_reach = ["{named if NAMEABLE.fullmatch(named) else "HOST:PORT"}"] in '
        f"[targets.{target.name}] of runbook.toml lets env.py read it, on a connection that can't "
        "write"
    )
    if identity is None or not second:
        copy = identity is not None and started != identity.started
        wrong = _wrong(target, identity, other + (COPY if copy else ""))
        wrong.next_step += f" If it is a second database, which env.py reads besides: {lets}."
        return wrong
    return WrongDatabase(
        f"env.py of {target.alembic_ini} connects to a second {other}, besides "
        f"that of target {target.name} (database {identity.database} on "
        f"{identity.host}:{identity.port}); the runbooks let it reach only the target's.",
        state=NOTHING_RAN,
        next_step=f"{lets}; what is to be changed there is a target of its own.",
    )


def _wrong(target: Target, identity: Identity | None, other: str) -> WrongDatabase:
    own = "none that may be reached now"
    if identity is not None:
        own = f"database {identity.database} on {identity.host}:{identity.port}"
    return WrongDatabase(
        f"env.py of {target.alembic_ini} connects to {other}, and target {target.name} is {own}.",
        state=NOTHING_RAN,
        next_step="let env.py read the URL from this target: name the variable or the ini key "
        f'it reads in runbook.toml, [targets.{target.name}] env_py_variable = "NAME" or '
        'env_py_option = "KEY".',
        finding="env-py-elsewhere",
    )
