"""What stopped the project's migrations on a throwaway database, told as a refusal."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import HistoryError, NotBuilt
from ..project.seen import FailedStatement, Outside, Seen
from ..show.render import shorten
from ..targets.settings import Target

DROPPED = "only a throwaway database was touched, and it is dropped."


def of(target: Target, error: HistoryError, seen: Seen) -> NotBuilt:
    """What its code raised, the first statement that failed, and what it tried outside."""
    happened, said = error.happened, ""
    if seen.failures:
        said = _words(target, seen.failures[0])
        happened += f" The first statement that failed: {said}."
    if tried := list(_tried(target, seen.refused)):
        happened += f" Outside of its database, where nothing may go, it {'; '.join(tried)}."
    refusal = NotBuilt(
        f"the migrations don't run on an empty database: {happened}",
        state=DROPPED,
        next_step=_advice(target),
    )
    refusal.cause = said or error.happened
    refusal.sqlstate = seen.failures[0].sqlstate if seen.failures else ""
    return refusal


def role_in_the_way(target: Target, role: str, error: NotBuilt) -> NotBuilt:
    """A revision creates a role that the server for throwaway databases has already."""
    refusal = NotBuilt(
        f"{error.happened} A role belongs to the whole server, and the one for throwaway databases "
        f"has {role} already.",
        state=DROPPED,
        next_step=f"let the revision ask first: DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles "
        f"WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF; END $$; or set "
        f"throwaway_url_env of [targets.{target.name}] in runbook.toml to a server without it.",
    )
    refusal.cause, refusal.sqlstate, refusal.of_server = error.cause, error.sqlstate, True
    return refusal


def role_of_the_target(target: Target, role: str, sql: str) -> NotBuilt:
    """A revision would change a role of the server that the target's own database is on."""
    refusal = NotBuilt(
        f"the migrations were not run further: {shorten(target.mask(sql), 120)} changes role "
        f"{role}, which belongs to the whole server, and the target's database is on it, too.",
        state=DROPPED,
        next_step=f"set throwaway_url_env of [targets.{target.name}] in runbook.toml to another "
        "server, or leave it out for the embedded one.",
    )
    refusal.cause, refusal.of_server = refusal.happened, True
    return refusal


def without_extension(target: Target, name: str, said: str, sqlstate: str) -> NotBuilt:
    """The server for throwaway databases does not have an extension that the target names."""
    refusal = NotBuilt(
        f"the throwaway database can't have extension {name}, which [targets.{target.name}] names: "
        f"{shorten(target.mask(said), 200)} ({sqlstate}).",
        state=DROPPED,
        next_step=_advice(target),
    )
    refusal.cause, refusal.sqlstate, refusal.of_server = refusal.happened, sqlstate, True
    return refusal


def _words(target: Target, first: FailedStatement) -> str:
    """The statement and all that the server said of it, without a secret."""
    message = shorten(target.mask(first.message), 200)
    said = f"{shorten(target.mask(first.sql), 200)} - {message} ({first.sqlstate})"
    for name, text in (("DETAIL", first.detail), ("HINT", first.hint)):
        if text:
            said += f"; {name}: {shorten(target.mask(text), 300)}"
    return said


def _tried(target: Target, refused: Iterable[Outside]) -> Iterable[str]:
    """What code of the project tried; what a library tries at its import is none of it."""
    for each in dict.fromkeys(refused):
        path = os.path.relpath(each.file, target.project)
        if not path.startswith("..") and "site-packages" not in path:
            yield f"calls {each.what} at {path}, line {each.line}"


def _advice(target: Target) -> str:
    return (
        "mend that revision, or, where it needs an extension or a version of PostgreSQL that is "
        f"not there, set throwaway_url_env of [targets.{target.name}] in runbook.toml."
    )
