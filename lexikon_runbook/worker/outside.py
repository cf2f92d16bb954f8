"""What a revision, or env.py, does outside of its database while a plan is applied: it is told.

Nothing is refused, and nothing waits. Told is what a line of the project leads to; not the
connections that SQLAlchemy opens for it, log files, temporary files, and what a library does when
it is imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

from . import entrances
from .audit import Bounds
from .connections import Connections
from .wire import Wire

MOST = 10  # lines of one revision: one in a loop is told once, others may be many
TEMPORARY = ("tempfile.mkstemp", "tempfile.mkdtemp")
OF_IMPORT, OF_WORKER = "<frozen importlib", "<worker>"
OF_NOBODY = ("logging", "tempfile")
OF_POOL = os.path.join("sqlalchemy", "pool", "")


class Outside:
    """An audit hook that tells, from the time that it is made; `allow` and the rest go untold."""

    def __init__(
        self,
        wire: Wire,
        connections: Connections,
        project: str,
        allow: Sequence[Sequence[Any]],
        writable: Sequence[str],
        programs: Sequence[str],
    ) -> None:
        self.wire, self.connections, self.pid = wire, connections, os.getpid()
        self.bounds = Bounds(project, allow, writable, programs)
        self.bounds.resolve()
        self.watching = self.within = False
        self.revision = self.file = ""
        self.told: set[tuple[str, str, int]] = set()
        entrances.guard(self._on_connection)
        sys.addaudithook(self._on_event)

    @contextlib.contextmanager
    def of_env_py(self) -> Iterator[None]:
        """While this lasts, what is done outside is told: as env.py's, where no revision runs."""
        self.end()
        self.watching = True
        try:
            yield
        finally:
            self.watching = False

    def begin(self, revision: Any) -> None:
        """What is done from now on is that revision's."""
        self.revision, self.file = str(revision.revision), os.path.abspath(str(revision.path))
        self.told.clear()

    def end(self) -> None:
        """The revision is over."""
        self.revision = self.file = ""
        self.told.clear()

    def _on_event(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.watching or self.within:
            return
        if event in TEMPORARY:
            self.bounds.folders.append(os.path.realpath(args[0]))
        elif self.bounds.watches(event):
            self._tell(event, lambda: self._about(event, args))

    def _about(self, event: str, args: tuple[Any, ...]) -> str | None:
        return None if self.bounds.may(event, args) else self.bounds.about(event, args)

    def _on_connection(
        self, name: str, args: Sequence[Any], given: Mapping[str, Any]
    ) -> entrances.Given:
        if self.watching and not self.within:
            self._tell(name, lambda: self._about_connection(name, args, given))
        return args, given

    def _about_connection(
        self, name: str, args: Sequence[Any], given: Mapping[str, Any]
    ) -> str | None:
        with contextlib.suppress(Exception):  # of the driver's, which will say it itself
            if self.bounds.names(entrances.asked(name, args, given)):
                return None
        return "a connection of its own"

    def _tell(self, event: str, about: Callable[[], str | None]) -> None:
        """Tell it once a line. A child of this process has no word on the wire."""
        if self.connections.opening or len(self.told) >= MOST or os.getpid() != self.pid:
            return
        self.within = True
        try:
            known = about()
            found = None if known is None else self._found(event)
            if known is not None and found is not None and found not in self.told:
                self.told.add(found)
                self._say(found, known)
        except Exception:  # of a hook's, which would be raised where the event is
            return
        finally:
            self.within = False

    def _say(self, found: tuple[str, str, int], about: str) -> None:
        what, file, line = found
        self.wire.say(
            "outside", revision=self.revision, what=what, about=about[:200], file=file, line=line
        )

    def _found(self, event: str) -> tuple[str, str, int] | None:
        """What the innermost line of the project called, and that line; None where none did."""
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(OF_WORKER):
            frame = frame.f_back
        called = None
        while frame is not None and not self._is_of_project(frame):
            module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if frame.f_code.co_filename.startswith((OF_IMPORT, OF_WORKER)) or module in OF_NOBODY:
                return None
            called, frame = frame, frame.f_back
        if frame is None or _by_the_pool(frame):
            return None
        return _name(called) or event, frame.f_code.co_filename, frame.f_lineno

    def _is_of_project(self, frame: Any) -> bool:
        file = frame.f_code.co_filename
        return file == self.file or self.bounds.is_of_project(file)


def _by_the_pool(frame: Any) -> bool:
    """Whether that line is one of a `creator` of env.py's engine."""
    while frame is not None and OF_POOL not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


def _name(called: Any) -> str:
    """The function that the project called, as it is imported; "" where it shows none."""
    if called is None or called.f_code.co_name.startswith(("_", "<")):
        return ""
    name = getattr(called.f_code, "co_qualname", called.f_code.co_name)  # before 3.11
    parts = f"{called.f_globals.get('__name__', '')}.{name}".split(".")
    return ".".join(part for part in parts if not part.startswith(("_", "<")))
