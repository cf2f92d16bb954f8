"""What code may do to the world while a plan is made: nothing. It is named, and refused.

An audit hook sees sockets, processes and files; the drivers of PostgreSQL, which connect in C,
are closed at their Python entrances; on Linux a filter on connect(2) holds where nothing may be
reached.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, Callable

from .kernel import forbid_connect
from .wire import Wire

OF_FILES = frozenset(
    {
        *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown"),
        *("os.utime", "os.symlink", "os.link", "os.mkfifo", "os.mknod", "os.setxattr"),
        *("shutil.rmtree", "shutil.move", "sqlite3.connect"),
    }
)
IN_MEMORY = (":memory:", "", b":memory:", b"")  # and in a file that SQLite alone knows
OF_NAMES = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
OF_SOCKETS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
OF_PROCESSES = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
        *("os.forkpty", "pty.spawn", "os.kill", "os.killpg"),
    }
)
OF_LIBRARIES = frozenset({"ctypes.dlsym", "ctypes.dlopen"})  # packages load theirs at import
OF_TWO_FILES = frozenset({"os.rename", "os.link", "shutil.move"})  # either may be anybody's
WATCHED = OF_FILES | OF_NAMES | OF_SOCKETS | OF_PROCESSES | OF_LIBRARIES
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Fenced(PermissionError):
    """An OSError: libraries that try something at import bear it."""


class Fence:
    """Raised once; `allow` are (host, port) that may be reached, `dsn` the one database.

    `scratch`, and each folder in `writable`, is where files may be written; `project` tells
    whose line it was.
    """

    def __init__(
        self,
        wire: Wire,
        project: str,
        scratch: str,
        allow: Sequence[Sequence[Any]] = (),
        dsn: Sequence[str] | None = None,
        writable: Sequence[str] = (),
    ) -> None:
        self.wire = wire
        self.project, self.scratch = project, os.path.realpath(scratch)
        self.allow = [(str(host), int(port)) for host, port in allow]
        self.dsn = [str(part) for part in dsn] if dsn else None
        self.folders = (self.scratch, *map(os.path.realpath, writable))
        self.within = False

    def raise_up(self) -> None:
        """From here on nothing gets out. Changes this process for good."""
        self._resolve()
        tempfile.tempdir = os.environ["TMPDIR"] = self.scratch
        logging.FileHandler._open = _nowhere  # type: ignore[assignment, method-assign]
        self._close_drivers()
        self._close_exits()
        self._close_nodes()
        if self.dsn is None and not self.allow:
            forbid_connect()
        sys.addaudithook(self.hook)

    def _close_nodes(self) -> None:
        """What makes a file without an audit event."""
        for name in ("mkfifo", "mknod"):
            self._close_node(name, getattr(os, name))

    def _close_node(self, name: str, make: Callable[..., Any]) -> None:
        def made(path: Any, *given: Any, **more: Any) -> Any:
            if not self._may_write(path):
                self.refuse(f"os.{name}", str(path))
            return make(path, *given, **more)

        setattr(os, name, made)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Python's own audit events."""
        if not self.within and (event == "open" or event in WATCHED) and not self._may(event, args):
            self.refuse(event, self._about(event, args))

    def _may(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            writes = isinstance(args[2], int) and args[2] & WRITING
            return not writes or self._may_write(args[0])
        if event in OF_FILES:
            return all(self._may_write(path) for path in _written(event, args))
        if event in OF_SOCKETS:
            return self._may_reach(args[1])
        if event in OF_NAMES:
            return any(_text(args[0]) == host for host, _ in self.allow)
        return event in OF_LIBRARIES and not self._called_by_project()

    def _about(self, event: str, args: tuple[Any, ...]) -> str:
        if event in OF_FILES:
            return str(next(path for path in _written(event, args) if not self._may_write(path)))
        return str(args[1] if event in OF_SOCKETS else args[0] if args else "")

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
            if self._is_of_project(name):
                return name, frame.f_lineno
            if outside is None and not name.startswith("<worker>"):
                outside = name, frame.f_lineno
            frame = frame.f_back
        return outside or ("", 0)

    def _called_by_project(self) -> bool:
        """Whether the next line outside of ctypes is one of the project."""
        frame: Any = sys._getframe(3)
        while frame is not None and "ctypes" in frame.f_code.co_filename:
            frame = frame.f_back
        return frame is not None and self._is_of_project(frame.f_code.co_filename)

    def _is_of_project(self, file: str) -> bool:
        return file.startswith(self.project) and "site-packages" not in file

    def _may_write(self, path: Any) -> bool:
        if isinstance(path, int) or path is None:
            return True  # open already
        text = os.path.realpath(_text(path))
        own = any(text == each or text.startswith(each + os.sep) for each in self.folders)
        return own or "__pycache__" in text or text == os.devnull

    def _may_reach(self, address: Any) -> bool:
        if isinstance(address, (str, bytes)):  # a Unix socket: its folder is the host
            return any(os.path.dirname(_text(address)) == host for host, _ in self.allow)
        return isinstance(address, tuple) and (_text(address[0]), address[1]) in self.allow

    def _resolve(self) -> None:
        """The addresses of the allowed hosts, as a driver's own look-up would find them."""
        import socket

        for host, port in list(self.allow):
            if host.startswith("/"):
                continue
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError:
                continue
            self.allow += [(str(each[4][0]), port) for each in found]

    def _close_drivers(self) -> None:
        """libpq connects in C, which raises no audit event: its Python entrances are closed."""
        for close in (self._close_psycopg2, self._close_psycopg):
            with contextlib.suppress(ImportError):
                close()

    def _close_psycopg2(self) -> None:
        import psycopg2
        import psycopg2.extensions

        own: Any = psycopg2
        own._connect = self._checked("psycopg2.connect", own._connect)
        fence, real = self, psycopg2.extensions.connection

        class connection(real):  # type: ignore[valid-type, misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                fence.check("psycopg2.connect", args, kwargs)
                super().__init__(*args, **kwargs)

        psycopg2.extensions.connection = connection  # type: ignore[misc]

    def _close_psycopg(self) -> None:
        import psycopg

        own: Any = psycopg
        for class_ in (own.Connection, own.AsyncConnection):
            real = class_.__dict__["connect"].__func__

            class_.connect = classmethod(self._checked("psycopg.connect", real))
        own.connect = own.Connection.connect

    def _checked(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(*args: Any, **kwargs: Any) -> Any:
            self.check(name, args, kwargs)
            return real(*args, **kwargs)

        return connect

    def check(self, name: str, args: Sequence[Any], kwargs: Any) -> None:
        """Refuse a driver's connection to anything but the one database."""
        if not self.within and not self._is_the_database(args, kwargs):
            self.refuse(name, "a database that this worker is not for")

    def _is_the_database(self, args: Sequence[Any], kwargs: Any) -> bool:
        if self.dsn is None:
            return False
        asked = _keywords(next((_text(a) for a in args if isinstance(a, (str, bytes))), ""), kwargs)
        places = ("host", "port", "dbname")
        given = [str(asked.get(n) or os.environ.get("PG" + n.upper(), "")) for n in places[:2]]
        given.append(str(asked.get("dbname") or os.environ.get("PGDATABASE", "")))
        return given == self.dsn

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


def _written(event: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The paths that an event of files writes, or takes away."""
    if event in OF_TWO_FILES:
        return args[:2]
    if event == "sqlite3.connect" and args[0] in IN_MEMORY:
        return ()
    return args[1:2] if event == "os.symlink" else args[:1]


def _keywords(dsn: str, kwargs: Any) -> Any:
    parse: Any
    try:
        from psycopg2.extensions import parse_dsn as parse
    except ImportError:
        from psycopg.conninfo import conninfo_to_dict as parse
    return dict(parse(dsn) if dsn else {}, **{k: v for k, v in kwargs.items() if v is not None})


def _nowhere(handler: Any) -> Any:
    """A log file of the project's is not written while a plan is made."""
    return open(os.devnull, "w", encoding="utf-8")


def _text(value: Any) -> str:
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)
