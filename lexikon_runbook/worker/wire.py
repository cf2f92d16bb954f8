"""Lines of JSON over two private descriptors, which nothing else in the process can touch."""

from __future__ import annotations

import faulthandler
import json
import os
import select
import threading
from typing import Any

HUNG_UP = 71  # the exit code of a worker whose other side is gone


class Stopped(BaseException):
    """What runs is no longer wanted. Not an Exception: what a project catches must not hold it."""


class Wire:
    """Both directions: `say` tells, `ask` waits until it may go on, `hear` takes a request.

    Where nothing has been said for `quiet_s`, the place is written beside the messages, in lines
    of faulthandler's: what hangs may hold the interpreter, so that no message can be made.
    """

    def __init__(self, fd_in: int, fd_out: int, mark: bytes, rest: bytes = b"") -> None:
        self.fd_in, self.fd_out, self.mark, self.rest = fd_in, fd_out, mark, rest
        self.stopped = False
        self.number = 0
        self.lock = threading.RLock()  # a finalizer of the project's may speak within a word
        self.quiet_s = 0.0

    def watch(self, quiet_s: float) -> None:
        """Watch for silence, or no longer for 0."""
        self.quiet_s = quiet_s
        if quiet_s:
            faulthandler.dump_traceback_later(quiet_s, exit=False, file=self.fd_out)
        else:
            faulthandler.cancel_dump_traceback_later()

    def say(self, kind: str, **fields: Any) -> None:
        """Tell the other side; the process ends when there is none any more."""
        fields["is"] = kind
        text = json.dumps(fields, default=repr).encode("ascii")
        view = memoryview(b"\n" + self.mark + text + b"\n")  # a line of faulthandler's may be open
        with self.lock:
            try:
                while view:
                    view = view[os.write(self.fd_out, view) :]
            except OSError:
                os._exit(HUNG_UP)
        if self.quiet_s:
            self.watch(self.quiet_s)

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Tell the other side and wait for its "go", which is returned.

        Raises Stopped for any other answer, and at once where one was given before.
        """
        if self.stopped:
            raise Stopped
        self.number += 1
        number = self.number
        self.say(kind, ask=number, **fields)
        faulthandler.cancel_dump_traceback_later()  # it is the other side that is awaited
        answer = self.hear()
        self.watch(self.quiet_s)
        if answer.get("do") != "go" or answer.get("n") != number:
            self.stopped = True
            raise Stopped
        return answer

    def hear(self) -> dict[str, Any]:
        """The next line from the other side; the process ends at the end of input."""
        parts: list[bytes] = []
        while b"\n" not in self.rest:
            parts.append(self.rest)
            self.rest = os.read(self.fd_in, 1 << 20)
            if not self.rest:
                os._exit(0)
        head, _, self.rest = self.rest.partition(b"\n")
        heard: dict[str, Any] = json.loads(b"".join([*parts, head]))
        return heard


def end_with_parent(fd: int) -> None:
    """End the process as soon as the other end of that pipe is closed, also in a statement."""

    def look() -> None:
        poll = select.poll()
        poll.register(fd, 0)  # nothing but a hang-up
        while not any(what & (select.POLLHUP | select.POLLERR) for _, what in poll.poll()):
            continue
        os._exit(HUNG_UP)

    threading.Thread(target=look, name="lexikon-runbook parent", daemon=True).start()
