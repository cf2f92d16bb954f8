"""A database that nobody misses: made, migrated and dropped.

Never on a target's own server, unless that is where `throwaway_url_env` leads.

On the server that the target's `throwaway_url_env` names, else on the project's embedded one,
of the target's PostgreSQL version where there is one. The migrations run in it as they are,
through the project's own env.py, in a worker that reaches nothing else.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import HistoryError, NotBuilt
from ..postgres import catalog, connections
from ..postgres.catalog import Catalog
from ..postgres.connections import Connection, Identity
from ..postgres.names import quoted_name
from ..project import as_text, command_line, failures, version
from ..project.history import Direction, History
from ..project.worker import ProjectFailed, Worker, WorkerDied
from ..targets import urls
from ..targets.settings import Target
from . import not_built, roles, surroundings, throwaway_server
from .building import Building, NothingKept
from .likeness import Likeness
from .roles import Roles


@dataclass
class Throwaway:
    """One throwaway database while it is there. `owner` made it and owns what is in it."""

    target: Target
    identity: Identity
    history: History
    owner: str
    _of: Target = field(repr=False)
    _server: Connection = field(repr=False)
    _building: Building = field(repr=False)
    _roles: Roles = field(repr=False)
    _wanted: Likeness = field(repr=False)
    _table: str = field(repr=False, default="")

    def upgrade(self, revision: str = "heads") -> None:
        """Run the migrations up to that revision. Writes this database; raises NotBuilt."""
        self._go("upgrade", to=revision)

    def downgrade(self, revision: str) -> None:
        """Run the migrations down to that revision. Writes this database; raises NotBuilt."""
        self._go("downgrade", to=revision)

    def forth(self, revision: str) -> None:
        """Run that one revision, whose parents are there. Writes this database; raises NotBuilt."""
        self._go("upgrade", ids=[revision])

    def back(self, revision: str) -> None:
        """Undo that one revision, which none follows. Writes this database; raises NotBuilt."""
        self._go("downgrade", ids=[revision])

    def after_each(self, revisions: Sequence[str], read: Callable[[str, Connection], None]) -> None:
        """Run these revisions, each after those it needs; `read` gets each when it is committed.

        With one connection of ours for all, in as few runs of env.py as its transactions allow.
        Writes this database; raises NotBuilt.
        """
        with self.connected() as connection:
            self._go("upgrade", ids=list(revisions), after=lambda id_: read(id_, connection))

    def env_py(self) -> None:
        """Run env.py without any revision, and make what the revisions expect from outside.

        These are the extensions that the target names, in the schemas where it has them, its
        database's own settings, the version table's schema, and that table where the target's
        own has another width. Done before the first revision, once.
        Writes this database; raises NotBuilt.
        """
        if self._table:
            return
        with self.connected() as connection:
            own = quoted_name(self.identity.database)
            surroundings.set_as_there(connection, own, self._wanted)
            for name in self._of.extensions:
                surroundings.extend(connection, self._of, self._wanted, name)
            with self._told():
                place = self._building.env_py(self.identity)
            self._table = surroundings.version_table(connection, self._wanted, place)

    @property
    def building(self) -> Building:
        """Its worker, and how its revisions run."""
        return self._building

    @property
    def worker(self) -> Worker:
        """The worker that the project runs in, opened, for questions about this database.

        Raises NotBuilt where env.py fails.
        """
        self.env_py()
        return self._building.worker

    def copy(self, history: History) -> contextlib.AbstractContextManager[Throwaway]:
        """Make a copy of it as it is now, for another checkout, and drop the copy at the end.

        Writes the throwaway server only; nobody may be connected to this database meanwhile.
        """
        return made(self._of, history, self._server, self.target.url(), of=self)

    @property
    def version_table(self) -> str:
        """The name of its version table, as env.py has it once it has run. Reads nothing."""
        return self._table or as_text.TABLE

    @property
    def rows(self) -> tuple[str, ...]:
        """The version rows that its migrations left, on a new connection. Reads only."""
        with self.connected() as connection:
            return version.held(connection, self.version_table) or ()

    def catalog(self) -> Catalog:
        """Its schema, without the version table. Reads only."""
        with self.connected() as connection:
            return catalog.read(connection, version_table=self.version_table)

    @contextlib.contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection to it, for a writer."""
        with contextlib.closing(connections.connect(self.target, "write")) as connection:
            yield connection

    def _go(
        self,
        direction: Direction,
        *,
        after: Callable[[str], None] = lambda _: None,
        **way: Any,
    ) -> None:
        """Take a way, and what is left of it again where a role of ours was in the way."""
        self.env_py()
        done: list[str] = []

        def noted(id_: str) -> None:
            done.append(id_)
            after(id_)

        try:
            self._run(direction, noted, way)
        except NotBuilt as error:
            in_the_way = self._roles.in_the_way(self._failed_statement(error))
            if not in_the_way:
                raise
            if not self._roles.give_way(in_the_way):
                raise not_built.role_in_the_way(self._of, in_the_way[0], error) from None
            if ids := way.get("ids"):
                way = {"ids": [id_ for id_ in ids if id_ not in done]}
            self._go(direction, after=after, **way)

    def _failed_statement(self, error: NotBuilt) -> str:
        """The statement that made an object which exists; "" for another failure."""
        failures = self._building.started.seen.failures
        return failures[0].sql if failures and error.sqlstate == roles.DUPLICATE else ""

    def _run(self, direction: Direction, after: Callable[[str], None], way: dict[str, Any]) -> None:
        with self._told(), contextlib.suppress(NothingKept):
            if steps := self._building.take(direction, self.rows, **way):
                asking = bool(self._roles.kept)
                self._building.run(self.identity, steps, self.sent, after, asking=asking)

    def sent(self, sql: str) -> None:
        """A statement that is about to be sent. Raises NotBuilt for one that must not be."""
        if role := self._roles.changed(sql):
            raise not_built.role_of_the_target(self._of, role, sql)
        self._roles.note(sql)

    def drop_roles(self) -> None:
        """Drop the roles that its revisions made. Writes the server."""
        self._roles.drop_made()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the project's code does instead of what was asked, as NotBuilt."""
        try:
            yield
        except ProjectFailed as error:
            refusal = failures.refused(self._of, error)
            raise not_built.of(self._of, refusal, error.seen) from error
        except WorkerDied as error:
            raise not_built.of(self._of, failures.died(self._of, error), error.seen) from error
        except HistoryError as error:
            raise not_built.of(self._of, error, self._building.started.seen) from error


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
        made(target, history, server, url, wanted=wanted) as there,
    ):
        yield there


@contextlib.contextmanager
def made(
    target: Target,
    history: History,
    server: Connection,
    url: str,
    *,
    wanted: Likeness = LIKE_NONE,
    of: Throwaway | None = None,
    template: str = "template0",
    table: str = "",
) -> Iterator[Throwaway]:
    """A new database on the server that the URL leads to, empty or a copy of one there.

    It is dropped at the end. `table` is its version table, where it has one already.
    """
    name = f"{throwaway_server.PREFIX}_{os.getpid()}_{secrets.token_hex(4)}"
    variable = f"LEXIKON_RUNBOOK_{name.upper()}"
    address = throwaway_server.address(server, name)
    there = of._roles if of else Roles.of(server, command_line.address(target).database)
    url = urls.of_database(url, name)
    with contextlib.ExitStack() as inside:
        scratch = inside.enter_context(
            tempfile.TemporaryDirectory(prefix="lexikon-runbook-", ignore_cleanup_errors=True)
        )
        building = Building.start(target, url, address, scratch)
        inside.callback(building.end)
        throwaway_server.create(target, server, name, of.identity.database if of else template)
        inside.callback(_dropped, server, name, None if of else there)
        os.environ[variable] = url
        inside.callback(os.environ.pop, variable, None)
        own = replace(target, **ALONE, url_env=variable)
        with contextlib.closing(connections.connect(own)) as connection:
            identity = connections.identify(connection)
        building.started.identity = identity
        yield Throwaway(
            target=own,
            identity=identity,
            history=history,
            owner=identity.user,
            _of=target,
            _server=server,
            _building=building,
            _roles=there,
            _wanted=wanted,
            _table=of._table if of else table,
        )


def _dropped(server: Connection, name: str, made: Roles | None) -> None:
    connections.rows(server, f'drop database if exists "{name}" with (force)')
    if made is not None:
        made.drop_made()


# What reaches beyond the database has no place in a throwaway one.
ALONE: dict[str, Any] = {
    **dict.fromkeys(("service", "health_url", "restart", "logs", "throwaway_url_env"), ""),
    "protection": "open",
}
