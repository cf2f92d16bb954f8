"""A worker from our side: the project opened for one database, asked one thing after the other."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..errors import NOTHING_CHANGED, HistoryError
from ..postgres.connections import Identity
from ..show.render import shorten
from ..targets.settings import Target
from . import admission
from .process import Ended, Message, Process
from .seen import Seen

GREET_S = 60.0
CANCEL_S = 10.0
LIBRARIES = "site-packages"  # a project's virtual environment may lie in its folder
QUIET_S = 60.0
"""How long a request that only looks may be silent before the worker counts as hanging."""

OTHERS = "site-packages"

Answer = Callable[[Message], Mapping[str, Any] | None]


class ProjectFailed(Exception):
    """The project's own code raised: `told` as the worker tells it, `seen` until then."""

    def __init__(self, told: Message, seen: Seen) -> None:
        super().__init__(f"{told.get('cls')}: {told.get('message')}")
        self.told, self.seen = told, seen

    @property
    def sqlstate(self) -> str:
        """The server's code, where a statement failed."""
        return str(self.told.get("sqlstate", ""))

    @property
    def words(self) -> str:
        """Its class and its words, as Python prints them."""
        return f"{self.told['cls']}: {self.told['message']}"

    def lacks(self, direction: str) -> tuple[str, str]:
        """The file and the function that a revision does not have; "" twice for any other error."""
        file, _, function = str(self.told["lacks"]).partition("\n")
        return file, function or direction if file else ""

    def line_in(self, beginning: str) -> str:
        """The innermost line in files of that folder, as `file:line: `; "" where there is none."""
        frames = [frame for frame in self.told.get("frames", ()) if LIBRARIES not in str(frame[0])]
        own = [frame for frame in frames if str(frame[0]).startswith(beginning)]
        return f"{own[-1][0]}:{own[-1][1]}: " if own else ""


class WorkerDied(Exception):
    """The worker's process ended in the middle: its exit code, and what was seen until then."""

    def __init__(self, code: int, seen: Seen, said: Sequence[str]) -> None:
        super().__init__(how_it_ended(code))
        self.code, self.seen, self.said = code, seen, tuple(said)


def how_it_ended(code: int) -> str:
    """An exit code in words: `exit code 9`, `killed by SIGSEGV`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


@dataclass
class Worker:
    """One process, opened for one database.

    `identity` is the database that its connections must reach; None where it may reach none.
    """

    target: Target
    process: Process
    identity: Identity | None
    seen: Seen = field(default_factory=Seen)
    opened: Message = field(default_factory=dict)
    _asked: Message | None = field(default=None, repr=False)

    def post(self, do: str, *, deadline_s: float = 0.0, **given: Any) -> None:
        """Send a request; `answer` waits for what comes of it."""
        self.seen = Seen()
        limit = max(0.5, deadline_s - 1.0) if deadline_s else 0
        try:
            self.process.say(do=do, deadline_s=limit, **{"with": given})
        except Ended as error:
            raise WorkerDied(error.code, self.seen, error.said) from None

    def answer(
        self,
        on: Answer | None = None,
        idle: Callable[[], None] | None = None,
        *,
        poll_s: float = 0.2,
        deadline_s: float = 0.0,
    ) -> Message:
        """Hear until the request is over, and answer what is asked on the way.

        `on` gets each message and returns what goes along with the "go"; an error that it
        raises stops the request, and is raised when it has ended. `idle` is called every
        `poll_s`. Raises ProjectFailed, WorkerDied, and HistoryError after
        `deadline_s` of silence.
        """
        refusal: BaseException | None = None
        spoke = looked = time.monotonic()
        while True:
            message = self._hear(poll_s if idle or deadline_s else None)
            if message is not None:
                spoke = time.monotonic()
                self._asked = message if "ask" in message else None
                self.seen.take(message)
                if message["is"] in ("done", "stopped", "error"):
                    if refusal is None:
                        return self._over(message)
                    try:
                        raise refusal
                    finally:
                        del refusal  # its traceback holds this frame, and so the process
            if idle is not None and time.monotonic() - looked >= poll_s:
                idle()
                looked = time.monotonic()
            if message is None:
                if deadline_s and time.monotonic() - spoke > deadline_s:
                    self._hangs(deadline_s)
                continue
            given: Mapping[str, Any] | None = None
            if refusal is None:
                try:
                    given = self._decide(message, on)
                except Exception as error:
                    refusal = error
            if "ask" in message:
                self._reply(message, given, stop=refusal is not None)

    def ask(self, do: str, on: Answer | None = None, **given: Any) -> Message:
        """A request that only looks, and its answer; see `answer`."""
        self.post(do, deadline_s=QUIET_S, **given)
        return self.answer(on, deadline_s=QUIET_S)

    def _hear(self, wait_s: float | None) -> Message | None:
        try:
            return self.process.hear(wait_s)
        except Ended as error:
            raise WorkerDied(error.code, self.seen, error.said) from None

    def _decide(self, message: Message, on: Answer | None) -> Mapping[str, Any] | None:
        if message["is"] == "connecting":
            admission.require_postgresql(self.target, self.identity, message)
        elif message["is"] == "admit":
            second = bool(self.seen.pid)
            if not admission.of_target(self.target, self.identity, message, second=second):
                return {"beside": True}
            self.seen.pid = int(message["row"][-1])
        return on(message) if on is not None else None

    def _reply(self, message: Message, given: Mapping[str, Any] | None, *, stop: bool) -> None:
        self._asked = None
        try:
            self.process.say(do="stop" if stop else "go", n=message["ask"], **(given or {}))
        except Ended as error:
            raise WorkerDied(error.code, self.seen, error.said) from None

    def _over(self, message: Message) -> Message:
        if message["is"] == "error":
            raise ProjectFailed(message, self.seen)
        return message

    def stop(self, cancel: Callable[[bool], None]) -> None:
        """Bring the request under way to its end, by answering "stop" to whatever it asks.

        `cancel` is called while it is silent, with True when it has been so for long; a worker
        that does not end even then is killed.
        """
        began = time.monotonic()
        with contextlib.suppress(WorkerDied):
            if self._asked is not None:
                self._reply(self._asked, None, stop=True)
            while True:
                message = self._hear(0.2)
                if message is not None:
                    self.seen.take(message)
                    if message["is"] in ("done", "stopped", "error"):
                        return
                    if "ask" in message:
                        self._reply(message, None, stop=True)
                    continue
                late = time.monotonic() - began
                if late > 2 * CANCEL_S:
                    self.process.kill()
                    return
                cancel(late > CANCEL_S)

    def end(self) -> None:
        """End the process."""
        self.process.end()

    def _hangs(self, seconds: float) -> NoReturn:
        frames = self.process.hanging
        self.process.kill()
        folder = str(self.target.project)
        own = [each for each in frames if each[0].startswith(folder) and OTHERS not in each[0]]
        where = "".join(f" at {file}:{line}" for file, line in (own or frames)[:1])
        raise HistoryError(
            f"the project's own code has said nothing for {seconds:g} s and hangs{where}.",
            state=NOTHING_CHANGED,
            next_step="see what it waits for there; "
            f"`{self.target.alembic('upgrade heads --sql')}` in {folder} must end, too.",
        )


def words(target: Target, said: Sequence[str]) -> str:
    """What a process said, behind a semicolon, without a secret; "" for nothing."""
    text = shorten(target.mask("\n".join(line for line in said if line.strip())), 400)
    return f"; it said: {text}" if text else ""
