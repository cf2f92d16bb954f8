"""A target's project at work: the workers that it needs, started when they are needed.

One is opened for the target's own database, and only looks until a plan is applied. Two more
render: they have no address of the target, and nothing that they do gets out.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..postgres.connections import Identity
from ..targets.settings import Target
from . import checkout, command_line, failures, history, rendering, starting, variables, ways
from .history import Direction, History
from .limits import READING
from .process import Message
from .rendering import Rendered
from .variables import NOWHERE, Address
from .ways import Move
from .worker import Worker

COPIES = 2  # rendered twice: what differs between two workers varies by itself


@dataclass
class Project:
    """One target's project. `on_line` gets each line that its code prints.

    `writes` are the statements by which env.py itself wanted to write when it was looked with,
    `translated` the schemas that its connection replaces by others.
    """

    target: Target
    identity: Identity | None = None
    on_line: Callable[[str], None] | None = None
    writes: tuple[str, ...] = ()
    translated: tuple[Any, ...] = ()
    _live: Worker | None = field(default=None, repr=False)
    _away: list[Worker] = field(default_factory=list, repr=False)
    _begun: list[Worker] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._inside = contextlib.ExitStack()
        weakref.finalize(self, self._inside.close)

    def open(self, *, live: bool = True, away: int | None = None) -> None:
        """Start the workers that are not there, or died since, all at once. Reads files only.

        Raises SettingsError for a Python that can't be used, HistoryError for an ini that can't.
        """
        away = COPIES if away is None else away
        self._away = [each for each in self._away if each.process.alive]
        if len(self._away) < away:
            self._take_begun()
        if self._live is not None and not self._live.process.alive:
            self._live = None
        started: list[tuple[Worker, dict[str, Any]]] = []
        if live and self._live is None:
            started.append(self._start_live())
        while len(self._away) + sum(w is not self._live for w, _ in started) < away:
            started.append(self._start_away())
        with self._ended_by_errors():
            starting.open_all(started)
        self._away += [each for each, _ in started if each is not self._live]

    def _begin_copies(self) -> None:
        """Start what a rendering needs besides, and wait for none: the others have work to do."""
        started = [self._start_away() for _ in range(len(self._away) + len(self._begun), COPIES)]
        with self._ended_by_errors():
            starting.begin(started)
        self._begun += [worker for worker, _ in started]

    def _take_begun(self) -> None:
        with self._ended_by_errors():
            while self._begun:
                starting.take_opened(self._begun[0])
                self._away.append(self._begun.pop(0))

    @contextlib.contextmanager
    def _ended_by_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.end()
            raise

    def reach(self, identity: Identity, *, rendering: bool = False) -> None:
        """Be a project of that database: start what is not started, read again what changed.

        Begins to start what a rendering needs, too, where one is to follow.
        """
        self.identity = identity
        if self._live is not None:
            self._live.identity = identity
        if self._away:
            self.refresh()
        self.open(away=1)
        if rendering:
            self._begin_copies()

    def _start_live(self) -> tuple[Worker, dict[str, Any]]:
        url = self.url
        environment = variables.of_target(self.target, url)
        self._live = self._started(environment, self.identity)
        assert self.identity is not None
        settings = READING.settings(self.identity.version_number)
        return self._live, {**self._given(url, ["current"]), "settings": settings}

    def _start_away(self) -> tuple[Worker, dict[str, Any]]:
        scratch = self._inside.enter_context(_scratch())
        url = NOWHERE.url(self._scheme)
        environment = variables.elsewhere(self.target, url, self.address, NOWHERE)
        started = self._started(environment, None)
        given = self._given(url, ["upgrade", "heads", "--sql"])
        return started, {**given, "fence": {"scratch": scratch, **self.target.bounds}}

    def _started(self, environment: dict[str, str], identity: Identity | None) -> Worker:
        started = starting.start(self.target, environment, identity, self.on_line)
        self._inside.callback(started.end)
        return started

    def _given(self, url: str, words: Sequence[str]) -> dict[str, Any]:
        return command_line.opening(self.target, url, words)

    @cached_property
    def url(self) -> str:
        """The target's URL with the driver that the project uses. A secret: never print it."""
        return command_line.url(self.target)

    @cached_property
    def address(self) -> Address:
        """Where the target's own database is."""
        return command_line.address(self.target)

    @property
    def _scheme(self) -> str:
        return self.url.partition("://")[0]

    @property
    def opened(self) -> Message:
        """What the worker told when it was opened: folders, versions, drivers. Reads files only."""
        self.open(live=False, away=1)
        return self._away[0].opened

    @property
    def folders(self) -> checkout.Folders:
        """Where env.py and the revision files are. Reads files only."""
        return checkout.Folders.told(self.opened)

    @cached_property
    def history(self) -> History:
        """The checkout's revisions. Imports the revision files, where nothing gets out.

        Raises HistoryError for a syntax error (file:line), duplicate ids, missing parents and a
        file that can't be imported.
        """
        self.open(live=False, away=1)
        files = [] if self.target.worker_folder else self.folders.files()
        checkout.check(files)
        return history.read(self.target, self._away[0], self.folders, files)

    def places(self) -> list[Message]:
        """Where the version rows are and what they say, for each `run_migrations()` of env.py.

        Reads only. Raises HistoryError when env.py fails, WrongDatabase before its first
        statement on any other database than the target's.
        """
        live = self.live()
        assert self.identity is not None
        settings = READING.settings(self.identity.version_number)
        told = failures.looked(self.target, lambda: live.ask("current", settings=settings))
        self.writes = tuple(live.seen.writes)
        places: list[Message] = told["places"]
        if not places:
            raise failures.without_migrations(self.target)
        self.translated = tuple(places[0]["translated"])
        return places

    def compared(self) -> Message:
        """How the target's database differs from env.py's models, as the worker tells it.

        Reads only. Raises HistoryError when env.py fails.
        """
        live = self.live()
        assert self.identity is not None
        settings = READING.settings(self.identity.version_number)
        return failures.looked(self.target, lambda: live.ask("compare", settings=settings))

    def live(self) -> Worker:
        """The worker of the target's own database, started where there is none."""
        self.open(away=len(self._away))
        assert self._live is not None
        return self._live

    def way(self, direction: Direction, to: str, rows: Iterable[str]) -> tuple[Move, ...]:
        """The steps from these version rows to that place. Raises UnknownRevision."""
        self.open(live=False, away=1)
        return ways.way(self.history, self._away[0], direction, to, rows)

    def rendered(self, way: Sequence[Move]) -> dict[str, Rendered]:
        """The SQL of a way, from Alembic's offline mode, rendered twice. Changes nothing."""
        self.open(live=False)
        return rendering.read(self.target, self._away, way, self.translated)

    def refresh(self) -> None:
        """Start anew if a file of the checkout, or one that it imports, was changed since.

        And where a worker has died: what it had read is gone with it.
        """
        if "history" in self.__dict__ and not self._changed():
            return
        self.end()
        self.__dict__.pop("history", None)

    def _changed(self) -> bool:
        live = [self._live] if self._live else []
        if not all(each.process.alive for each in (*live, *self._away, *self._begun)):
            return True
        self._take_begun()
        workers = [*self._away, *live]
        return any(each.ask("changed")["changed"] for each in workers)

    def applying(self, words: Sequence[str]) -> Worker:
        """The worker of the target's own database, as `alembic WORDS`. Writes from then on."""
        live = self.live()
        argv = command_line.argv(self.target, words)
        failures.looked(self.target, lambda: live.ask("command", argv=argv))
        return live

    def end(self) -> None:
        """End every worker."""
        self._inside.close()
        self._live, self._away, self._begun = None, [], []


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """A folder that nobody misses, where a fenced worker may write."""
    folder = Path(tempfile.mkdtemp(prefix="lexikon-runbook-"))
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
