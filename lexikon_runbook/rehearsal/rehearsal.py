"""A plan's revisions rehearsed: run on two shadows of the target's database, and watched.

One has no rows, the other one row in each table; the second one's clock is ahead. Reads the
target's database, and writes the server for throwaway databases.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..errors import RunbookError
from ..postgres import connections
from ..postgres.catalog import Catalog
from ..postgres.connections import Connection
from ..postgres.names import quoted
from ..project import starting
from ..project.database import Database
from ..project.ways import Move
from ..show.render import shorten
from . import roles, rows, shadow, throwaway_server
from .likeness import Likeness
from .observed import Leg, Run
from .running import Hangs, Running
from .shadow import NotRehearsed
from .structures import Structure
from .throwaway import Throwaway

# What the role and the database set, which may change what a statement does.
OF_SESSION = """
select name, setting from pg_settings
where source in ('database', 'user', 'database user') and context in ('user', 'superuser')
  and name !~ '_timeout$' and name not in ('default_transaction_read_only', 'application_name')
"""
TABLES = """
select c.oid::regclass::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.oid >= 16384
  and n.nspname !~ '^pg_' and c.oid <> coalesce(to_regclass(%s), 0)
order by 1
"""
MOST_READ = 50  # revisions; of a longer way only the end is
IN_USE = "2BP01"  # dependent_objects_still_exist
ROLE = re.compile(r"\b(ROLE|USER|GROUP)\b", re.I)


@dataclass(frozen=True)
class Rehearsal:
    """Both runs of a way, and the structure before and after the first.

    `without` are the tables that got no row, with the reason; `emptied` those that had one, and
    none when the second run had ended, though nothing was seen to delete it; `server` the version
    of PostgreSQL that it was on.
    """

    empty: Run
    filled: Run
    before: Structure
    after: Structure
    without: Mapping[str, str] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()
    server: str = ""

    @property
    def through(self) -> bool:
        """Whether one run at least got through the whole way."""
        return self.empty.failed is None or self.filled.failed is None

    @property
    def legs_of_one_run(self) -> tuple[Leg, ...]:
        """Those of the run without rows, as far as it got."""
        return self.empty.legs

    def legs(self, revision: str) -> tuple[Leg, Leg]:
        """How a revision ran on either shadow; the same twice where one run got not so far.

        Only where one got `through`.
        """
        runs = [run for run in (self.empty, self.filled) if run.failed is None]
        first, last = runs[0].leg(revision), runs[-1].leg(revision)
        return first, last


def rehearse(found: Database, way: Sequence[Move], live: Catalog) -> Rehearsal:
    """Run a way on two shadows. Reads the target's database.

    Raises NotRehearsed, and HistoryError for a revision that hangs.
    """
    until = time.monotonic() + found.target.rehearsal_deadline_s
    try:
        with contextlib.closing(connections.connect(found.target)) as connection:
            wanted = Likeness.of(connection, found.identity, found.version.table)
            settings = dict(connections.rows(connection, OF_SESSION))
        url = throwaway_server.url(found.target, wanted)
        with (
            contextlib.closing(throwaway_server.connected(found.target, url)) as server,
            shadow.template(found, server, url, live, until) as name,
            _both(found, server, url, wanted, name) as copies,
        ):
            done = _run(found, copies, way, settings, until)
        _require_own_roles(done)
        return done
    except connections.Error as error:
        raise NotRehearsed(shorten(found.target.mask(str(error)), 200)) from None
    except Hangs as error:
        raise error.refusal from None
    except RunbookError as error:
        raise NotRehearsed(error.happened, error.next_step) from None


def _require_own_roles(done: Rehearsal) -> None:
    """A role that other databases there use can't be dropped there: that says nothing of here."""
    for run in (done.empty, done.filled):
        failed = run.failed and run.failed.statement
        if failed and failed.sqlstate == IN_USE and roles.CHANGED.search(failed.sql):
            raise NotRehearsed("it drops a role that other databases of the shadow's server use")


@contextlib.contextmanager
def _both(
    found: Database, server: Connection, url: str, wanted: Likeness, name: str
) -> Iterator[tuple[Throwaway, Throwaway]]:
    with (
        shadow.copy(found, server, url, wanted, name) as empty,
        shadow.copy(found, server, url, wanted, name) as filled,
    ):
        buildings = (empty.building, filled.building)
        starting.open_all([(each.started, each.given) for each in buildings])
        for each in buildings:
            each.opened = True
        yield empty, filled


def _run(
    found: Database,
    copies: tuple[Throwaway, Throwaway],
    way: Sequence[Move],
    settings: dict[str, str],
    until: float,
) -> Rehearsal:
    empty, filled = copies
    silent_s = max(1.0, until - time.monotonic())
    version_table = (quoted(found.version.table),)
    with filled.connected() as connection:
        tables = [row[0] for row in connections.rows(connection, TABLES, version_table)]
        filled_with = rows.fill(connection, tables, whole=True)
    with empty.connected() as reader, ThreadPoolExecutor(2) as threads:
        before = Structure.read(reader)
        each = reader if len(way) <= MOST_READ else None
        first = threads.submit(Running(empty, way, each).run, settings, silent_s, ahead=False)
        if any(ROLE.search(move.revision.source) for move in way):
            first.exception()  # roles belong to the whole server: one run after the other
            empty.drop_roles()
        second = threads.submit(Running(filled, way).run, settings, silent_s, ahead=True)
        runs = first.result(), second.result()
        after = Structure.read(reader)
    with filled.connected() as connection:
        emptied = rows.gone(connection, filled_with.tables)
        after = after.with_sequences_of(Structure.read(connection))
    without, version = filled_with.without or {}, empty.identity.version
    return Rehearsal(*runs, before, after, without, emptied, version)
