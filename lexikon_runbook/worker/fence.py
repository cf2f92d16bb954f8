"""What code may do to the world while a plan is made: nothing. It is named, and refused.

An audit hook sees sockets, processes and files; the drivers of PostgreSQL, which connect in C,
are closed at their Python entrances; on Linux a filter on connect(2) holds where nothing may be
reached.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from . import entrances
from .audit import Bounds
from .beside import AS_READER
from .kernel import forbid_connect
from .wire import Wire


class Fenced(PermissionError):
    """An OSError: libraries that try something at import bear it."""


class Fence:
    """Raised once; `allow` are (host, port) that may be reached, `dsn` the one database, at `own`.

    `scratch`, and each folder in `writable`, is where files may be written; `programs` may
    be run; `project` tells whose line it was.
    """

    def __init__(
        self,
        wire: Wire,
        project: str,
        scratch: str,
        allow: Sequence[Sequence[Any]] = (),
        dsn: Sequence[str] | None = None,
        writable: Sequence[str] = (),
        programs: Sequence[str] = (),
        own: Sequence[Sequence[Any]] = (),
    ) -> None:
        self.wire = wire
        self.scratch = os.path.realpath(scratch)
        self.bounds = Bounds(project, allow, (self.scratch, *writable), programs, own)
        self.dsn = [str(part) for part in dsn] if dsn else None
        self.within = False

    def raise_up(self) -> None:
        """From here on nothing gets out. Changes this process for good."""
        self.bounds.resolve()
        tempfile.tempdir = os.environ["TMPDIR"] = self.scratch
        logging.FileHandler._open = _nowhere  # type: ignore[assignment, method-assign]
        entrances.guard(self.check)
        entrances.guard_classes(self.check)
        self._close_exits()
        self._close_nodes()
        if self.dsn is None and not self.bounds.allow:
            forbid_connect()
        sys.addaudithook(self.hook)

    def _close_nodes(self) -> None:
        """What makes a file without an audit event."""
        for name in ("mkfifo", "mknod"):
            self._close_node(name, getattr(os, name))

    def _close_node(self, name: str, make: Callable[..., Any]) -> None:
        def made(path: Any, *given: Any, **more: Any) -> Any:
            if not self.bounds.may_write(path):
                self.refuse(f"os.{name}", str(path))
            return make(path, *given, **more)

        setattr(os, name, made)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Python's own audit events."""
        bounds = self.bounds
        if not self.within and bounds.watches(event) and not bounds.may(event, args):
            self.refuse(event, bounds.about(event, args))

    def refuse(self, what: str, about: str) -> None:
        """Tell who tried what; raises Fenced."""
        if self.within:
            return
        self.within = True
        try:
            file, line = self._line()
            self.wire.say(
                "refused",
                what=what,
                about=about[:200],
                file=file,
                line=line,
            )
        finally:
            self.within = False
        raise Fenced(13, f"refused while a plan is made: {what} at {file}:{line}")

    def _line(self) -> tuple[str, int]:
        """The innermost line of the project that led here, else the innermost outside of ours."""
        frame: Any = sys._getframe(2)
        outside: tuple[str, int] | None = None
        while frame is not None:
            name = frame.f_code.co_filename
            if self.bounds.is_of_project(name):
                return name, frame.f_lineno
            if outside is None and not name.startswith("<worker>"):
                outside = name, frame.f_lineno
            frame = frame.f_back
        return outside or ("", 0)

    def check(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> entrances.Given:
        """What a driver is to be called with: as it is for the one database, read-only for a
        place that is named. Refuse it for any other."""
        if self.within:
            return args, kwargs
        if self.dsn or self.bounds.named:
            asked = entrances.asked(name, args, kwargs)
            if [asked["host"], asked["port"], asked["dbname"]] == self.dsn:
                return args, kwargs
            if self.bounds.names(asked):
                return entrances.with_options(name, args, kwargs, AS_READER)
        self.refuse(name, "a database that this worker is not for")
        return args, kwargs

    def _close_exits(self) -> None:
        """Ending the process in the middle is named, too."""
        leave = os._exit
        fence = self

        def refused(code: int) -> Any:
            if sys._getframe(1).f_code.co_filename.startswith("<worker>"):
                leave(code)
            fence.refuse("os._exit", str(code))
            leave(code)

        os._exit = refused  # type: ignore[assignment]


def _nowhere(handler: Any) -> Any:
    """A log file of the project's is not written while a plan is made."""
    return open(os.devnull, "w", encoding="utf-8")
