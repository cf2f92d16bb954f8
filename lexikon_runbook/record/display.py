"""Where a run says how it goes: the cell's output, the job's log, the journal.

The only module besides `record` and `engine` that knows IPython; without it the cell's
output is left out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ..facts import Step
from ..show.render import shorten
from .record import Record

EVERY_S = 0.5
LONGEST = 400


class Display:
    """Lines that stay go to the journal and the log; passing ones to the cell's output."""

    def __init__(self, to: Record) -> None:
        self._record = to
        self._handle: Any = None
        self._last = 0.0

    def lasting(self, line: str) -> None:
        """Keep a line in the journal and in the job's log.

        A journal that can't be written does not stop a migration half way: the log says
        so, and the record's end fails.
        """
        try:
            self._record.journal("line", text=line)
        except OSError as error:
            say(f"the journal of this run can't be written: {error.strerror}")
        self._stays(line)

    def _stays(self, line: str) -> None:
        if self._handle is not None:  # what was waited for is over: this is how it went
            self._handle.update({"text/plain": self._record.mask(line)}, raw=True)
            self._handle = None
        at = time.strftime("%H:%M:%S", time.gmtime())
        say(f"{at}Z {self._record.mask(shorten(line, LONGEST))}")

    def output(self, line: str) -> None:
        """A line that the project's own code printed: to the journal and to the job's log."""
        if line.strip():
            with contextlib.suppress(OSError):
                self._record.journal("output", text=line)
            say(f"  | {self._record.mask(shorten(line, LONGEST))}")

    def applied(self, line: str, facts: Step) -> None:
        """Say that a revision is in the database, and keep what it did: one line of the journal."""
        with contextlib.suppress(OSError):  # as for `lasting`; the record's end has it, too
            self._record.step(facts)
        self._stays(line)

    def passing(self, line: str) -> None:
        """Show a line that the next one replaces, twice a second at most."""
        if _shell() is None or time.monotonic() - self._last < EVERY_S:
            return
        from IPython.display import display

        self._last = time.monotonic()
        shown = {"text/plain": self._record.mask(line)}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


def say(line: str) -> None:
    """One line for a person who follows a headless run: to the job's log, past the notebook.

    Writes to the standard error that the kernel was started with; ipykernel keeps it
    when it redirects its own. In JupyterLab nothing is written.
    """
    stream = getattr(sys.stderr, "_original_stdstream_copy", None)
    if isinstance(stream, int) and "JPY_SESSION_NAME" not in os.environ:
        with contextlib.suppress(OSError):
            os.write(stream, f"\r{line:<79}\n".encode("utf-8", "replace"))


def asked(question: str) -> str:
    """What the person in JupyterLab types; empty in a headless run, which can't be asked."""
    if _shell() is None:
        return ""
    from IPython.core.error import StdinNotImplementedError

    try:
        return input(question).strip()
    except (StdinNotImplementedError, EOFError):
        return ""


def on_failed_cell(tell: Callable[[BaseException], None] | None) -> None:
    """Have IPython tell of every cell that ends in an error; replaces an earlier `tell`."""
    shell = _shell()
    if shell is None:
        return

    def after(result: Any) -> None:
        error = result.error_before_exec or result.error_in_exec
        if error is not None and tell is not None:
            tell(error)

    if earlier := getattr(shell, "_lexikon_runbook", None):
        shell.events.unregister("post_run_cell", earlier)
    shell._lexikon_runbook = after
    shell.events.register("post_run_cell", after)


def show_type(kind: type, html: Callable[[Any], str], text: Callable[[Any], str]) -> None:
    """Have IPython show values of that type by these two; replaces what it did before."""
    shell = _shell()
    if shell is None:
        return

    def plain(value: Any, printer: Any, _cycle: bool) -> None:
        printer.text(text(value))

    shell.display_formatter.formatters["text/html"].for_type(kind, html)
    shell.display_formatter.formatters["text/plain"].for_type(kind, plain)


def _shell() -> Any:
    """The IPython shell of this kernel, or None outside one."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None
