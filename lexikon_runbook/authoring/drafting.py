"""What the worker is asked about a new revision: its Python, its file, the project's own hooks.

All of it runs in the project's own Python, on a throwaway database.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ..project import command_line, failures, starting, variables
from ..project.process import Message
from ..project.worker import Worker
from ..rehearsal.building import BUILDING
from ..rehearsal.throwaway import Throwaway
from ..targets.settings import Target
from . import models as of_models

HOOKS_S = 600.0
"""How long the project's post-write hooks may take."""


def code(database: Throwaway, models: str) -> Message:
    """What the models change against the database, as Python: `upgrade` and `downgrade`.

    Or why they can't be compared, in `refused`. Reads only. Raises HistoryError when env.py
    fails, ModelsUnusable for a name that can't be one.
    """
    return _asked(database, models, "draft", "Changes")


def file(database: Throwaway, models: str, message: str, id_: str, heads: Sequence[str]) -> Message:
    """The file that `alembic revision` would write. Writes nothing; raises as `code` does.

    Only `heads` in it where the checkout has others now.
    """
    return _asked(database, models, "write", message, message=message, id_=id_, heads=list(heads))


def _asked(database: Throwaway, models: str, do: str, words: str, **given: Any) -> Message:
    target = database.target
    of_models.require_name(models)
    told = failures.looked(
        target,
        lambda: database.worker.ask(
            do,
            settings=BUILDING.settings(database.identity.version_number),
            argv=command_line.argv(target, ["revision", "--autogenerate", f"--message={words}"]),
            models=models,
            folder=str(target.ini.parent),
            **given,
        ),
    )
    if told.get("calls") == 0:
        raise failures.without_migrations(target)
    return told


def stale(database: Throwaway) -> bool:
    """Whether a file that the worker has loaded was changed since. Reads only."""
    return bool(failures.looked(database.target, lambda: database.worker.ask("changed"))["changed"])


def hooks(database: Throwaway, target: Target, path: str) -> None:
    """Run the project's post_write_hooks on that file. Writes what they write.

    In a worker of its own, without a fence: formatters are programs. Its database is the
    throwaway one, for an env.py that registers hooks. Raises ProjectFailed, WorkerDied, and
    what opening a project raises.
    """
    with _unfenced(database, target) as started:
        settings = BUILDING.settings(database.identity.version_number)
        started.post("hooks", settings=settings, path=path, deadline_s=HOOKS_S)
        started.answer(deadline_s=HOOKS_S)


@contextlib.contextmanager
def _unfenced(database: Throwaway, target: Target) -> Iterator[Worker]:
    own = command_line.address(target)
    scheme = command_line.url(target).partition("://")[0]
    url = f"{scheme}://{database.target.url().partition('://')[2]}"
    address = command_line.address(database.target)
    elsewhere = variables.elsewhere(target, url, own, address)
    started = starting.start(target, elsewhere, database.identity)
    try:
        starting.open_all([(started, command_line.opening(target, url, ["revision"]))])
        yield started
    finally:
        started.end()
