"""Starts a worker: the target's own Python, with the project's code not yet in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import NOTHING_CHANGED, HistoryError, SettingsError
from ..postgres.connections import Identity
from ..targets.target import PYTHON_VARIABLE, Target
from . import failures
from .paths import Paths
from .process import OLDEST_PYTHON, Ended, Process, Silent, TooOld
from .worker import GREET_S, QUIET_S, ProjectFailed, Worker, WorkerDied, how_it_ended, words

# What the worker's own imports say where Alembic or SQLAlchemy is missing, or too old.
OF_PYTHON = re.compile("No module named '(alembic|sqlalchemy)|(alembic|sqlalchemy) is .* here; ")


def start(
    target: Target,
    environment: Mapping[str, str],
    identity: Identity | None,
    on_line: Callable[[str], None] | None = None,
) -> Worker:
    """Start the target's own Python with nothing in it yet. Raises SettingsError."""
    command = target.worker_command
    # `docker compose` looks for its file where it is called.
    project = str(target.project)
    folder = project if target.worker else "/"
    paths = Paths(project, target.worker_folder if target.worker else "")
    try:
        process = Process(command, environment, on_line, folder, paths)
    except OSError as error:
        raise _no_python(target, f"can't be started: {error.strerror or error}") from None
    return Worker(target, process, identity)


def open_all(started: Sequence[tuple[Worker, Mapping[str, Any]]]) -> None:
    """Have each open its project as it is given, all at the same time. Reads files only.

    Raises SettingsError for a Python without Alembic, HistoryError for an ini that can't be used
    and for an application that fails or ends its process.
    """
    begin(started)
    for worker, _ in started:
        take_opened(worker)


def begin(started: Sequence[tuple[Worker, Mapping[str, Any]]]) -> None:
    """Have each begin to open its project; `take_opened` waits for one. Raises SettingsError."""
    for worker, _ in started:
        _greet(worker)
    for worker, given in started:
        try:
            worker.post("open", deadline_s=QUIET_S, **given)
        except WorkerDied as error:
            raise failures.died(worker.target, error) from None


def _greet(worker: Worker) -> None:
    """Wait until it speaks, and send it what it runs. Raises SettingsError."""
    target = worker.target
    try:
        worker.process.greet(GREET_S)
    except TooOld as error:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise _no_python(target, f"is Python {error}; the oldest supported is {oldest}") from None
    except Silent as error:
        worker.process.kill()
        said = words(target, error.said)
        raise _no_python(target, f"says nothing for {error.seconds:g} s{said}") from None
    except Ended as error:
        said = words(target, error.said)
        raise _no_python(
            target, f"ended before it began ({how_it_ended(error.code)}){said}"
        ) from None


def _no_configuration(target: Target, error: ProjectFailed) -> HistoryError:
    """The project's own Alembic, or its application, can't be configured."""
    said = target.mask(str(error.told["message"]))
    if error.told["cls"] == "CommandError":
        return HistoryError(
            said, state=NOTHING_CHANGED, next_step="mend script_location in the ini."
        )
    if target.flask or error.line_in(str(target.project)):
        return failures.refused(target, error)
    return HistoryError(
        f"{target.ini}: {said.partition(chr(10))[0]}",
        state=NOTHING_CHANGED,
        next_step=f"mend the ini; `{target.alembic('current')}` must be able to read it, too.",
    )


def _no_python(target: Target, why: str) -> SettingsError:
    key = "worker" if target.worker else "python"
    return SettingsError(
        f"the Python of target {target.name} ({' '.join(target.worker_command)}) {why}.",
        state=NOTHING_CHANGED,
        next_step=f'name the one that `alembic` of this project runs in: {key} = "..." in '
        f"runbook.toml, [targets.{target.name}]"
        + ("" if target.worker else f" (or export {PYTHON_VARIABLE}=.venv/bin/python)")
        + ".",
    )


def take_opened(worker: Worker) -> None:
    """Wait until it has opened its project; raises as `open_all`."""
    try:
        worker.opened = worker.answer(deadline_s=QUIET_S)
    except WorkerDied as error:
        raise failures.died(worker.target, error) from None
    except ProjectFailed as error:
        message = str(error.told["message"])
        if error.told["cls"] in ("ModuleNotFoundError", "ImportError") and OF_PYTHON.match(message):
            raise _no_python(worker.target, f"can't be used: {message}") from None
        raise _no_configuration(worker.target, error) from None
