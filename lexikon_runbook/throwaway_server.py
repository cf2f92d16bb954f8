"""The server on which throwaway databases are made: the one that is named, or the embedded one."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from . import database, embedded, serving, urls
from .database import Connection
from .errors import SettingsError
from .render import shorten
from .settings import Target

PREFIX = "throwaway"
# Whoever makes one holds an advisory lock on its name as long as it lives: pg_locks shows it in
# whatever database, and on whatever machine, that is.
KEY = "hashtextextended({}, 0)"
LEFT = f"""
select d.datname from pg_database d
where d.datname ~ '^{PREFIX}_[0-9]+_' and pg_has_role(d.datdba, 'usage') and not exists (
  select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1
  and (l.classid::bigint << 32 | l.objid::bigint) = {KEY.format("d.datname")})
"""
MAY_OWN = "select 1 from pg_roles where rolname = %s and rolsuper and rolcanlogin"


@dataclass(frozen=True)
class Likeness:
    """What a throwaway database takes after: a server's version, an owner, the names of roles."""

    major: int = 0
    owner: str = ""
    roles: tuple[str, ...] = ()


def url(target: Target, wanted: Likeness) -> str:
    """The URL of the server for throwaway databases, started where it is the embedded one."""
    if named := target.throwaway_url_env:
        if address := os.environ.get(named, "").strip():
            return address
        raise SettingsError(
            f"target {target.name} makes throwaway databases on the server of {named}, which is "
            "not set.",
            state="nothing was changed.",
            next_step=f"export {named}=postgresql://USER:PASSWORD@HOST:5432/postgres",
        )
    folder = embedded.data_folder(target.project)
    major = wanted.major if wanted.major in serving.majors() else 0
    if major and not target.embedded and major != (_major(folder) or max(serving.majors())):
        folder = folder.with_name(f"{folder.name}-{major}")
    with serving.alone(folder):
        address = serving.serve(folder, major)
        with contextlib.closing(database.connect_url(address)) as connection:
            for role in wanted.roles:
                _ensure_role(connection, role, role == wanted.owner)
            owns = database.rows(connection, MAY_OWN, (wanted.owner,))
    return urls.of_user(address, wanted.owner) if owns else address


def _major(folder: Path) -> int:
    """The version of the server whose files are in that folder; 0 for none."""
    file = folder / "PG_VERSION"
    return int(file.read_text()) if file.exists() else 0


def _ensure_role(server: Connection, role: str, owner: bool) -> None:
    """A role of that name, so that a GRANT in a migration finds it; one that is there stays.

    Nobody logs in by network.
    """
    if not database.rows(server, "select 1 from pg_roles where rolname = %s", (role,)):
        rights = "superuser login" if owner else "nologin"
        database.rows(server, f"create role {database.quoted_name(role)} {rights}")


def connected(target: Target, address: str) -> Connection:
    """A connection to that server, where what a killed process left is dropped.

    Raises SettingsError where it can't be reached, or only through a pooler.
    """
    try:
        server = database.connect_url(address, "write")
    except database.Error as error:
        raise _unusable(target, f"can't be reached: {error}") from None
    if database.pooled(server):
        server.close()
        raise _unusable(target, "is reached through a connection pooler.")
    for (name,) in database.rows(server, LEFT):
        with contextlib.suppress(database.Error):  # another process may be faster
            database.rows(server, f'drop database if exists "{name}" with (force)')
    return server


def create(target: Target, server: Connection, name: str, template: str) -> None:
    """Make a database there, as a copy of that one. Raises SettingsError where it may not."""
    database.rows(server, f"select pg_advisory_lock({KEY.format('%s')})", (name,))
    try:
        database.rows(server, f"create database \"{name}\" template {template} encoding 'UTF8'")
    except database.Error as error:
        raise _unusable(target, f"takes no new database: {error}") from None


def _unusable(target: Target, why: str) -> SettingsError:
    place = target.throwaway_url_env or "the embedded PostgreSQL"
    return SettingsError(
        f"the server for throwaway databases ({place}) {shorten(target.mask(why), 300)}",
        state="nothing was changed.",
        next_step="set throwaway_url_env of the target in runbook.toml to the variable with the "
        "URL of a server whose role has CREATEDB (ALTER ROLE ... CREATEDB).",
    )
