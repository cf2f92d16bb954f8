"""The Papermill engine: cell statuses that are true, and a kernel that is interrupted first.

`papermill --engine lexikon-runbook` uses it, and `lexikon-runbook run` always does.
Papermill imports this module at every start, so it imports little itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from traitlets.config import Config

NAME = "lexikon-runbook"
SAVE_EVERY_S = 1.0
LONGEST_FOLDER = 90  # the path of a Unix socket has room for 107 bytes, on macOS for 103


class _Manager(NotebookExecutionManager):  # type: ignore[misc]
    """Papermill's bookkeeping without its untruths.

    A cell that an exception other than its own ended is not completed, and neither is a
    cell that never ran.
    """

    interrupted = False

    def save(self, **keywords: Any) -> None:
        """Write the notebook, at most once a second; only the last time may fail.

        An archive that is full must not end a kernel that changes a database.
        """
        whole = bool(keywords.get("whole"))
        if whole or (self.now() - self.last_save_time).total_seconds() >= SAVE_EVERY_S:
            with contextlib.nullcontext() if whole else contextlib.suppress(OSError):
                super().save()

    def notebook_start(self, **keywords: Any) -> None:
        """Begin, and write the notebook at once: its kernel looks for it."""
        super().notebook_start(**keywords)
        self.save(whole=True)

    def cell_start(self, cell: Any, cell_index: int | None = None, **keywords: Any) -> None:
        """Begin a cell, unless somebody interrupted what came before it."""
        if self.interrupted:
            raise KeyboardInterrupt
        super().cell_start(cell, cell_index, **keywords)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **keywords: Any) -> None:
        """End a cell; one that an exception of another ended has failed."""
        if cell.metadata.papermill["status"] == self.PENDING:
            return
        if sys.exc_info()[0] is not None:
            self.cell_exception(cell, cell_index)
        super().cell_complete(cell, cell_index, **keywords)

    def notebook_complete(self, **keywords: Any) -> None:
        """End the notebook; cells that never ran stay pending."""
        self.end_time = self.now()
        papermill = self.nb.metadata.papermill
        papermill["end_time"] = self.end_time.isoformat()
        papermill["duration"] = (self.end_time - self.start_time).total_seconds()
        if sys.exc_info()[0] is not None:
            papermill["exception"] = True
        self.cleanup_pbar()
        self.save(whole=True)


class RunbookEngine(NBClientEngine):  # type: ignore[misc]
    """nbclient as Papermill uses it, with true statuses and a kernel that is interrupted first."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **keywords: Any,
    ) -> Any:
        """Execute a notebook. Writes `output_path`."""
        manager = _Manager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **keywords)
        finally:
            manager.notebook_complete()
        return manager.nb

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: _Manager, kernel_name: str, log_output: bool = False, **keywords: Any
    ) -> Any:
        """Run the cells in a kernel that is gone, at once, when they are done."""
        with _sockets() as config:
            client = PapermillNotebookClient(
                nb_man,
                kernel_name=kernel_name,
                log_output=log_output,
                stdout_file=keywords.get("stdout_file"),
                stderr_file=keywords.get("stderr_file"),
                startup_timeout=keywords.get("start_timeout", 60),
                timeout=keywords.get("execution_timeout"),
                shutdown_kernel="immediate",
                config=config,
            )
            with _interrupting(client, nb_man):
                return client.execute()


@contextlib.contextmanager
def _sockets() -> Iterator[Config]:
    """A private folder for the kernel's sockets; none where its name would be too long.

    A port on the loopback can be taken by another program between its choice and its use.
    """
    with tempfile.TemporaryDirectory(prefix="lexikon-") as folder:
        place = {"connection_file": f"{folder}/kernel.json"}
        if len(folder) <= LONGEST_FOLDER:
            place |= {"transport": "ipc", "ip": f"{folder}/kernel"}
        yield Config({"KernelManager": place})


@contextlib.contextmanager
def _interrupting(client: Any, manager: _Manager) -> Iterator[None]:
    """Pass the first Ctrl-C or SIGTERM on to the kernel, which cancels and reads back.

    Whatever the kernel makes of it, no further cell runs. A second one ends this process
    as usual.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def forward(number: int, _frame: Any) -> None:
        manager.interrupted = True
        signal.signal(number, before[signal.Signals(number)])
        process = getattr(getattr(client.km, "provisioner", None), "process", None)
        if process is None or process.poll() is not None:
            raise KeyboardInterrupt
        os.kill(process.pid, signal.SIGINT)

    for number in before:
        signal.signal(number, forward)
    try:
        yield
    except Exception as error:
        if manager.interrupted:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
