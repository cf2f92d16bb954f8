"""The server on which throwaway databases are made: the one that is named, or the embedded one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..errors import SettingsError
from ..postgres import connections, embedded_server
from ..postgres.connections import Connection
from ..project.variables import Address
from ..show.render import shorten
from ..targets import embedded, urls
from ..targets.settings import Target
from . import roles
from .likeness import Likeness

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
    major = wanted.major if wanted.major in embedded_server.majors() else 0
    if major and not target.embedded and major != (_major(folder) or max(embedded_server.majors())):
        folder = folder.with_name(f"{folder.name}-{major}")
    with embedded_server.alone(folder):
        address = embedded_server.serve(folder, major)
        with contextlib.closing(connections.connect_url(address)) as connection:
            for role in wanted.roles:
                roles.ensure(connection, role, role == wanted.owner)
            owns = connections.rows(connection, MAY_OWN, (wanted.owner,))
    return urls.of_user(address, wanted.owner) if owns else address


def _major(folder: Path) -> int:
    """The version of the server whose files are in that folder; 0 for none."""
    file = folder / "PG_VERSION"
    return int(file.read_text()) if file.exists() else 0


def connected(target: Target, address: str) -> Connection:
    """A connection to that server, where what a killed process left is dropped.

    Raises SettingsError where it can't be reached, or only through a pooler.
    """
    try:
        server = connections.connect_url(address, "write")
    except connections.Error as error:
        raise _unusable(target, f"can't be reached: {error}") from None
    if connections.pooled(server):
        server.close()
        raise _unusable(target, "is reached through a connection pooler.")
    with contextlib.ExitStack() as unless_dropped:
        unless_dropped.callback(server.close)
        for (name,) in connections.rows(server, LEFT):
            with contextlib.suppress(connections.Error):  # another process may be faster
                connections.rows(server, f'drop database if exists "{name}" with (force)')
        unless_dropped.pop_all()
    return server


def address(server: Connection, name: str) -> Address:
    """Where a database of that server is, as libpq found the server. A secret. Reads nothing."""
    info = server.info
    return Address(str(info.host or ""), str(info.port), name, info.user, info.password or "")


def create(target: Target, server: Connection, name: str, template: str) -> None:
    """Make a database there, as a copy of that one. Raises SettingsError where it may not."""
    connections.rows(server, f"select pg_advisory_lock({KEY.format('%s')})", (name,))
    try:
        connections.rows(server, f"create database \"{name}\" template {template} encoding 'UTF8'")
    except connections.Error as error:
        raise _unusable(target, f"takes no new database: {error}") from None


def _unusable(target: Target, why: str) -> SettingsError:
    place = target.throwaway_url_env or "the embedded PostgreSQL"
    return SettingsError(
        f"the server for throwaway databases ({place}) {shorten(target.mask(why), 300)}",
        state="nothing was changed.",
        next_step="set throwaway_url_env of the target in runbook.toml to the variable with the "
        "URL of a server whose role has CREATEDB (ALTER ROLE ... CREATEDB).",
    )
