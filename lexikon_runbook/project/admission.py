"""Whether a connection that env.py opens is one to the target's database. Pure."""

from __future__ import annotations

import re

from ..errors import NOTHING_CHANGED, TargetUnsuitable, WrongDatabase
from ..postgres.connections import Identity
from ..targets.settings import Target
from .process import Message

PLACE = re.compile(r"(local socket|[\w.:/-]*):\d+/[\w.$-]*")


def require_postgresql(target: Target, identity: Identity | None, message: Message) -> None:
    """Refuse other products, and any place at all where none may be reached."""
    if message["dialect"] != "postgresql":
        raise _wrong(target, identity, f"a {message['dialect']} database")


def require_same(target: Target, identity: Identity | None, message: Message) -> None:
    """Refuse another database than the target's, and a pooler in between."""
    name, oid, port, system, started, host, pid = message["row"]
    if identity is None:
        raise _wrong(target, identity, f"database {name} on {host}:{port}")
    known = (identity.database, identity.database_oid, identity.port, identity.started)
    same = (name, oid, port, started) == known
    # One of the two roles may not be allowed to see the system's number.
    if not same or (system and identity.system_identifier not in ("", system)):
        copy = "" if started == identity.started else ", which was started at another time"
        raise _wrong(target, identity, f"database {name} on {host}:{port}{copy}")
    if message["told"] not in (pid, None):
        raise TargetUnsuitable(
            f"env.py of {target.alembic_ini} connects to the database of target {target.name} "
            "through a connection pooler; locks and settings would leak to others.",
            state=NOTHING_CHANGED,
            next_step="let env.py connect to PostgreSQL itself, usually port 5432 in place of "
            "6432.",
            finding="pooler",
        )


def _wrong(target: Target, identity: Identity | None, other: str) -> WrongDatabase:
    own = "none that may be reached now"
    if identity is not None:
        own = f"database {identity.database} on {identity.host}:{identity.port}"
    return WrongDatabase(
        f"env.py of {target.alembic_ini} connects to {other}, and target {target.name} is {own}.",
        state="no statement of a revision ran on either database.",
        next_step="let env.py read the URL from this target: name the variable or the ini key "
        f'it reads in runbook.toml, [targets.{target.name}] env_py_variable = "NAME" or '
        'env_py_option = "KEY".',
        finding="env-py-elsewhere",
    )
