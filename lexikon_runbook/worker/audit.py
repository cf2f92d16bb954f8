"""Python's audit events: which of them reach outside, and what they are about."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

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
OF_PROGRAMS = frozenset({"subprocess.Popen", "os.posix_spawn"})
OF_LIBRARIES = frozenset({"ctypes.dlsym", "ctypes.dlopen"})  # packages load theirs at import
OF_TWO_FILES = frozenset({"os.rename", "os.link", "shutil.move"})  # either may be anybody's
WATCHED = OF_FILES | OF_NAMES | OF_SOCKETS | OF_PROCESSES | OF_LIBRARIES
PIPE = re.compile(r"/proc/\d+/fd/")  # what /dev/stderr leads to: open already
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Bounds:
    """What code may reach: `allow` are (host, port), `folders` are where files may be written.

    `programs` are the names of those that may be run; `own` are where the project's own database
    is. `project` is the folder that tells whose line it was.
    """

    def __init__(
        self,
        project: str,
        allow: Sequence[Sequence[Any]],
        folders: Sequence[str],
        programs: Sequence[str],
        own: Sequence[Sequence[Any]] = (),
    ) -> None:
        self.programs = frozenset(programs)
        self.project = project
        self.named = [(str(host), int(port)) for host, port in allow]
        self.allow = [*self.named, *((str(host), int(port)) for host, port in own)]
        self.folders = [os.path.realpath(each) for each in folders]

    def watches(self, event: str) -> bool:
        """Whether an event of that name may reach outside. Pure."""
        return event == "open" or event in WATCHED

    def may(self, event: str, args: tuple[Any, ...]) -> bool:
        """Whether that event stays within the bounds. Reads links of the file system."""
        if event == "open":
            writes = isinstance(args[2], int) and args[2] & WRITING
            return not writes or self.may_write(args[0])
        if event in OF_FILES:
            return all(self.may_write(path) for path in _written(event, args))
        if event in OF_SOCKETS:
            return self._may_reach(args[1])
        if event in OF_PROGRAMS:
            return os.path.basename(text_of(args[0])) in self.programs
        if event in OF_NAMES:
            return any(text_of(args[0]) == host for host, _ in self.allow)
        return event in OF_LIBRARIES and not self._called_by_project()

    def about(self, event: str, args: tuple[Any, ...]) -> str:
        """What the event is about: the path, the address, the program."""
        if event in OF_FILES:
            return str(next(path for path in _written(event, args) if not self.may_write(path)))
        if event == "socket.getaddrinfo" and args[1]:
            return str((text_of(args[0]), args[1]))
        return str(args[1] if event in OF_SOCKETS else args[0] if args else "")

    def resolve(self) -> None:
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

    def names(self, asked: Mapping[str, str]) -> bool:
        """Whether what libpq is asked for is at one of the places in `allow`. Pure."""
        host, address, port = asked["host"], asked["hostaddr"], asked["port"] or "5432"
        named = (host or address, port) in [(each, str(port)) for each, port in self.named]
        known = not address or (address, port) in [(each, str(port)) for each, port in self.allow]
        return named and known

    def is_of_project(self, file: str) -> bool:
        """Whether a file is the project's own. Pure."""
        return file.startswith(self.project) and "site-packages" not in file

    def _called_by_project(self) -> bool:
        """Whether the next line outside of ctypes, and of these modules, is one of the project."""
        frame: Any = sys._getframe(1)
        while frame is not None and _is_between(frame.f_code.co_filename):
            frame = frame.f_back
        return frame is not None and self.is_of_project(frame.f_code.co_filename)

    def may_write(self, path: Any) -> bool:
        """Whether that path may be written."""
        if isinstance(path, int) or path is None:
            return True  # open already
        text = os.path.realpath(text_of(path))
        own = any(text == each or text.startswith(each + os.sep) for each in self.folders)
        return own or "__pycache__" in text or text == os.devnull or bool(PIPE.match(text))

    def _may_reach(self, address: Any) -> bool:
        if isinstance(address, (str, bytes)):  # a Unix socket: its folder is the host
            return any(os.path.dirname(text_of(address)) == host for host, _ in self.allow)
        return isinstance(address, tuple) and (text_of(address[0]), address[1]) in self.allow


def _is_between(file: str) -> bool:
    return file.startswith("<worker>") or "ctypes" in file


def _written(event: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The paths that an event of files writes, or takes away."""
    if event in OF_TWO_FILES:
        return args[:2]
    if event == "sqlite3.connect" and args[0] in IN_MEMORY:
        return ()
    return args[1:2] if event == "os.symlink" else args[:1]


def text_of(value: Any) -> str:
    """A path, a host or a name, whether text or bytes. Pure."""
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)
