"""A database that nobody misses: made, migrated and dropped, never on a target's own server.

On the server that the target's `throwaway_url_env` names, else on the project's embedded one,
of the target's PostgreSQL version where there is one. The migrations run in it as they are,
through the project's own env.py.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from . import catalog, database, embedded, environment, glance, serving, urls, version
from .catalog import Catalog
from .database import Connection, Identity
from .errors import HistoryError, NotBuilt, SettingsError
from .guard import Limits
from .history import Direction, History
from .render import shorten
from .settings import Target
from .watch import Watch

PREFIX = "throwaway"
BUILDING = Limits(10.0, 600.0, application="lexikon-runbook throwaway")
DROPPED = "only a throwaway database was touched, and it is dropped."
ROLES = "select rolname from pg_roles where rolname !~ '^pg_' order by 1"
OWNER = """
select pg_get_userbyid(coalesce((select relowner from pg_class where oid = to_regclass(%s)),
  (select datdba from pg_database where datname = current_database())))
"""
THERE = "select to_regclass(%s) is not null"
LEFT = f"select datname from pg_database where datname ~ '^{PREFIX}_[0-9]+_'"


@dataclass(frozen=True)
class Likeness:
    """What a throwaway database takes after: a server's version, an owner, the names of roles."""

    major: int = 0
    owner: str = ""
    roles: tuple[str, ...] = ()


@dataclass
class Throwaway:
    """One throwaway database while it is there. `owner` made it and owns what is in it."""

    target: Target
    identity: Identity
    history: History
    owner: str
    _server: Connection = field(repr=False)
    _table: str = field(repr=False)

    def upgrade(self, revision: str = "heads") -> None:
        """Run the migrations up to that revision. Writes this database; raises NotBuilt."""
        self._move("upgrade", revision)

    def downgrade(self, revision: str) -> None:
        """Run the migrations down to that revision. Writes this database; raises NotBuilt."""
        self._move("downgrade", revision)

    def forth(self, revision: str) -> None:
        """Run that one revision, whose parents are there. Writes this database; raises NotBuilt."""
        self._only(self.history.step("upgrade", revision))

    def back(self, revision: str) -> None:
        """Undo that one revision, which none follows. Writes this database; raises NotBuilt."""
        self._only(self.history.step("downgrade", revision))

    def copy(self, history: History) -> contextlib.AbstractContextManager[Throwaway]:
        """Make a copy of it as it is now, for another checkout, and drop the copy at the end.

        Writes the throwaway server only; nobody may be connected to this database meanwhile.
        """
        return _made(self.target, history, self._server, self.target.url(), self)

    @property
    def rows(self) -> tuple[str, ...]:
        """The version rows that its migrations left, on a new connection. Reads only."""
        with self.connected() as connection:
            if not database.first(
                database.rows(connection, THERE, (database.quoted(self._table),))
            ):
                return ()
            name = database.quoted(self._table)
            found = database.rows(connection, f"select version_num from {name} order by 1")
        return tuple(str(row[0]) for row in found)

    def after_each(self, revisions: Iterable[str]) -> Iterator[tuple[str, Catalog]]:
        """Run these revisions, each after those it needs, and give the catalog after each.

        Writes this database; raises NotBuilt.
        """
        for id_ in revisions:
            self.forth(id_)
            yield id_, self.catalog()

    def run(self, migrations: environment.Migrations, **context: Any) -> None:
        """Run env.py with these migrations. Writes what they write; raises NotBuilt."""
        watch = Watch()

        def noted(rows: Any, of: Any) -> Iterable[Any]:
            if not of.as_sql:
                self._table = version.table_of(self.target, of)
            return migrations(rows, of)

        try:
            environment.run(self.target, self.identity, noted, BUILDING, watch, **context)
        except HistoryError as error:
            raise _not_built(self.target, error, watch) from error

    def catalog(self) -> Catalog:
        """Its schema, without the version table. Reads only."""
        with self.connected() as connection:
            return catalog.read(connection, version_table=self._table)

    @contextlib.contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection to it, for a writer."""
        with contextlib.closing(database.connect(self.target, "write")) as connection:
            yield connection

    def _only(self, step: Any) -> None:
        self.run(lambda _rows, _context: [step], destination_rev=step.revision.revision)

    def _move(self, direction: Direction, revision: str) -> None:
        script = self.history.script
        steps: Callable[..., Any] = (
            script._upgrade_revs if direction == "upgrade" else script._downgrade_revs
        )
        self.run(lambda rows, _context: steps(revision, rows), destination_rev=revision)


def like(connection: Connection, identity: Identity, version_table: str) -> Likeness:
    """What a throwaway database for comparisons with this one takes after. Reads only.

    Its owner is the owner of the version table: who ran the migrations.
    """
    owner = database.first(database.rows(connection, OWNER, (database.quoted(version_table),)))
    roles = tuple(row[0] for row in database.rows(connection, ROLES))
    return Likeness(identity.version_number // 10000, str(owner), roles)


LIKE_NONE = Likeness()


@contextlib.contextmanager
def empty(target: Target, history: History, wanted: Likeness = LIKE_NONE) -> Iterator[Throwaway]:
    """Make an empty database for the target's project, and drop it at the end.

    Writes a throwaway server only. Raises SettingsError when there is none, or when its role
    may not create a database.
    """
    url = _server(target, wanted)
    with (
        contextlib.closing(_connected(target, url)) as server,
        _made(target, history, server, url) as made,
    ):
        yield made


@contextlib.contextmanager
def _made(
    target: Target, history: History, server: Connection, url: str, of: Throwaway | None = None
) -> Iterator[Throwaway]:
    """A new database on the server that the URL leads to, empty or a copy of that one."""
    name = f"{PREFIX}_{os.getpid()}_{secrets.token_hex(4)}"
    variable = f"LEXIKON_RUNBOOK_{name.upper()}"
    _create(target, server, name, of.identity.database if of else "template0")
    os.environ[variable] = urls.of_database(url, name)
    try:
        own = replace(target, **ALONE, url_env=variable)
        with contextlib.closing(database.connect(own)) as connection:
            identity = database.identify(connection)
        table = of._table if of else glance.TABLE
        yield Throwaway(own, identity, history, identity.user, server, table)
    finally:
        os.environ.pop(variable, None)
        database.rows(server, f'drop database if exists "{name}" with (force)')


# What reaches beyond the database has no place in a throwaway one.
ALONE: dict[str, Any] = {
    **dict.fromkeys(("service", "health_url", "restart", "logs", "throwaway_url_env"), ""),
    "protection": "open",
}


def _server(target: Target, wanted: Likeness) -> str:
    """The URL of the server for throwaway databases, started where it is the embedded one."""
    if named := target.throwaway_url_env:
        if url := os.environ.get(named, "").strip():
            return url
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
        url = serving.serve(folder, major)
        with contextlib.closing(database.connect_url(url)) as connection:
            _clear(connection)
            for role in wanted.roles:
                _ensure_role(connection, role, role == wanted.owner)
    return urls.of_user(url, wanted.owner) if wanted.owner in wanted.roles else url


def _major(folder: Path) -> int:
    """The version of the server whose files are in that folder; 0 for none."""
    file = folder / "PG_VERSION"
    return int(file.read_text()) if file.exists() else 0


def _clear(server: Connection) -> None:
    """Drop what a killed process left on the embedded server."""
    for (name,) in database.rows(server, LEFT):
        if not psutil.pid_exists(int(name.split("_")[1])):
            database.rows(server, f'drop database if exists "{name}" with (force)')


def _ensure_role(server: Connection, role: str, owner: bool) -> None:
    """A role of that name, so that a GRANT in a migration finds it. Nobody logs in by network."""
    name = database.quoted_name(role)
    if not database.rows(server, "select 1 from pg_roles where rolname = %s", (role,)):
        database.rows(server, f"create role {name}")
    if owner:
        database.rows(server, f"alter role {name} superuser login")


def _connected(target: Target, url: str) -> Connection:
    try:
        return database.connect_url(url, "write")
    except database.Error as error:
        raise _unusable(target, f"can't be reached: {error}") from None


def _create(target: Target, server: Connection, name: str, template: str) -> None:
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


def _not_built(target: Target, error: HistoryError, watch: Watch) -> NotBuilt:
    """What stopped the migrations, with the first statement that failed."""
    happened, said = error.happened, ""
    if watch.failures:
        first = watch.failures[0]
        message = shorten(target.mask(first.message), 200)
        said = f"{shorten(target.mask(first.sql), 200)} - {message} ({first.sqlstate})"
        happened += f" The first statement that failed: {said}."
    refusal = NotBuilt(
        f"the migrations don't run on an empty database: {happened}",
        state=DROPPED,
        next_step="mend that revision, or, where it needs an extension or a version of PostgreSQL "
        f"that is not there, set throwaway_url_env of [targets.{target.name}] in runbook.toml.",
    )
    refusal.cause = said or error.happened
    refusal.sqlstate = watch.failures[0].sqlstate if watch.failures else ""
    return refusal
