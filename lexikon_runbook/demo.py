"""The demo database: Lexikon at b9d0965451a3 with believable data, on the embedded server.

Everything lives in one folder (LEXIKON_RUNBOOK_DEMO_DIR, or `.demo` in the project).
"""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

from . import serving
from .database import connect_url, rows
from .embedded import DATABASE, data_folder, url
from .errors import NOTHING_CHANGED, SettingsError
from .settings import Target

REVISION = "b9d0965451a3"
UNFINISHED = "lexikon_unfinished"


def start(project: Path) -> str:
    """Start the server and create the database where either is missing; returns its URL.

    Prints nothing, and waits for another process that is doing the same. Raises
    SettingsError when there is no embedded server or it does not start.
    """
    running = url(project)
    if running and _exists(running):
        return running
    _only_lexikon(project)
    with serving.alone(data_folder(project)):
        running = _serve(project)
        if not _exists(running):
            _create(project, running)
        return running


def _only_lexikon(project: Path) -> None:
    """Refuse to make Lexikon's database in another project's folder."""
    if not any(project.glob(f"alembic/versions/{REVISION}_*.py")):
        raise SettingsError(
            f"the demo is Lexikon's database, and {project} is another project.",
            state=NOTHING_CHANGED,
            next_step="name a target of this project: --target default (-p target=default for a "
            "run) takes its URL from DATABASE_URL.",
        )


def wake(target: Target) -> None:
    """Start the demo if this target is it. Raises SettingsError, also for a URL that is unset."""
    if target.embedded:
        start(target.project)
    target.url()


def reset(project: Path) -> str:
    """Drop the demo database, ending its sessions, and create it anew; returns its URL."""
    with serving.alone(data_folder(project)):
        running = _serve(project)
        _create(project, running)
        return running


def stop(project: Path) -> None:
    """Stop the demo's server and those of throwaway databases; the demo's data stays."""
    own = data_folder(project)
    for folder in (own, *own.parent.glob(f"{own.name}-*/")):
        with serving.alone(folder):
            serving.stop(folder)


def _beside(address: str, database: str) -> str:
    """The URL of another database on the demo's server."""
    return address.replace(f"/{DATABASE}?", f"/{database}?")


def _exists(address: str) -> bool:
    known = "select 1 from pg_database where datname = %s"
    with closing(connect_url(_beside(address, "postgres"))) as server:
        return bool(rows(server, known, (DATABASE,)))


def _serve(project: Path) -> str:
    return serving.serve(data_folder(project)).replace("/postgres?", f"/{DATABASE}?")


def _create(project: Path, address: str) -> None:
    """Build the database under another name, then put it in the place of the old one."""
    from .demo_data import fill

    unfinished = _beside(address, UNFINISHED)
    with closing(connect_url(_beside(address, "postgres"))) as server:
        rows(server, f"drop database if exists {UNFINISHED} with (force)")
        rows(server, f"create database {UNFINISHED}")
        _migrate(project, unfinished)
        with closing(connect_url(unfinished)) as connection:
            fill(connection)
        rows(server, f"drop database if exists {DATABASE} with (force)")
        rows(server, f"alter database {UNFINISHED} rename to {DATABASE}")


def _migrate(project: Path, address: str) -> None:
    """Upgrade an empty database to the demo's revision with the project's own migrations."""
    from alembic.config import Config
    from alembic.util import CommandError

    from alembic import command

    ini = project / "alembic.ini"
    config = Config(str(ini), stdout=io.StringIO())
    config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
    config.attributes["configure_logger"] = False
    try:
        with serving.quiet("alembic"):
            command.upgrade(config, REVISION)
    except CommandError as error:
        raise SettingsError(
            f"the demo is Lexikon's database, and {ini} does not lead to its revision {REVISION}.",
            state="the demo database was not created; no other database was touched.",
            next_step="run the demo in Lexikon's checkout, or name a target of your own.",
        ) from error
