"""A database that nobody misses: made, migrated and dropped.

Never on a target's own server, unless that is where `throwaway_url_env` leads.

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
from typing import Any

from . import catalog, database, environment, glance, throwaway_server, urls, version
from .catalog import Catalog
from .database import Connection, Identity
from .errors import HistoryError, NotBuilt
from .guard import Limits
from .history import Direction, History
from .render import shorten
from .settings import Target
from .throwaway_server import Likeness
from .watch import Watch

BUILDING = Limits(10.0, 600.0, application="lexikon-runbook throwaway")
DROPPED = "only a throwaway database was touched, and it is dropped."
ROLES = "select rolname from pg_roles where rolname !~ '^pg_' order by 1"
OWNER = """
select pg_get_userbyid(coalesce((select relowner from pg_class where oid = to_regclass(%s)),
  (select datdba from pg_database where datname = current_database())))
"""
THERE = "select to_regclass(%s) is not null"


@dataclass
class Throwaway:
    """One throwaway database while it is there. `owner` made it and owns what is in it."""

    target: Target
    identity: Identity
    history: History
    owner: str
    _of: Target = field(repr=False)
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
            with self._in_place_of_the_target():
                environment.run(self.target, self.identity, noted, BUILDING, watch, **context)
        except HistoryError as error:
            raise _not_built(self._of, error, watch) from error

    @contextlib.contextmanager
    def _in_place_of_the_target(self) -> Iterator[None]:
        """What leads a revision that opens a connection of its own to the target leads here."""
        before = {name: os.environ.pop(name, None) for name in (self._of.url_env, "PGSERVICE")}
        if self._of.url_env:
            os.environ[self._of.url_env] = self.target.url()
        try:
            yield
        finally:
            for name, value in before.items():
                if value is not None:
                    os.environ[name] = value
                elif name:
                    os.environ.pop(name, None)

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
    url = throwaway_server.url(target, wanted)
    with (
        contextlib.closing(throwaway_server.connected(target, url)) as server,
        _made(target, history, server, url) as made,
    ):
        yield made


@contextlib.contextmanager
def _made(
    target: Target, history: History, server: Connection, url: str, of: Throwaway | None = None
) -> Iterator[Throwaway]:
    """A new database on the server that the URL leads to, empty or a copy of that one."""
    name = f"{throwaway_server.PREFIX}_{os.getpid()}_{secrets.token_hex(4)}"
    variable = f"LEXIKON_RUNBOOK_{name.upper()}"
    throwaway_server.create(target, server, name, of.identity.database if of else "template0")
    original = of._of if of else target
    os.environ[variable] = _as_written(original, urls.of_database(url, name))
    try:
        own = replace(target, **ALONE, url_env=variable)
        with contextlib.closing(database.connect(own)) as connection:
            identity = database.identify(connection)
        table = of._table if of else glance.TABLE
        yield Throwaway(own, identity, history, identity.user, original, server, table)
    finally:
        os.environ.pop(variable, None)
        database.rows(server, f'drop database if exists "{name}" with (force)')


def _as_written(target: Target, url: str) -> str:
    """A URL with the scheme, and so the driver, of the target's own."""
    scheme = ""
    if target.url_env:
        scheme = os.environ.get(target.url_env, "").strip().partition("://")[0]
    known = scheme if scheme in urls.SCHEMES else "postgresql"
    return f"{known}://{url.partition('://')[2]}"


# What reaches beyond the database has no place in a throwaway one.
ALONE: dict[str, Any] = {
    **dict.fromkeys(("service", "health_url", "restart", "logs", "throwaway_url_env"), ""),
    "protection": "open",
}


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
