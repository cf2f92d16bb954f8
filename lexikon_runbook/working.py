"""Work in a thread of its own, whose end can be waited for in spite of a Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Working(threading.Thread):
    """Does one thing; `ended` is set when it is over, and `error` holds how it failed.

    Wait for `ended`, not with join(): before Python 3.13 a join() that Ctrl-C interrupts
    takes the thread for ended (python/cpython#90882).
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self._work = work

    def run(self) -> None:
        """Called by start()."""
        try:
            self._work()
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()
