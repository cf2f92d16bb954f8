"""The demo database: Lexikon at b9d0965451a3 with believable data, on the embedded server.

Everything lives in one folder (LEXIKON_RUNBOOK_DEMO_DIR, or `.demo` in the project).
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from ..errors import NOTHING_CHANGED, SettingsError
from ..postgres import embedded_server
from ..postgres.connections import connect_url, rows
from ..targets.embedded import DATABASE, REVISION, data_folder, is_lexikon, url
from ..targets.settings import Target

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
    with embedded_server.alone(data_folder(project)):
        running = _serve(project)
        if not _exists(running):
            _create(project, running)
        return running


def _only_lexikon(project: Path) -> None:
    """Refuse to make Lexikon's database in another project's folder."""
    if not is_lexikon(project):
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
    with embedded_server.alone(data_folder(project)):
        running = _serve(project)
        _create(project, running)
        return running


def stop(project: Path) -> None:
    """Stop the demo's server and those of throwaway databases; the demo's data stays."""
    own = data_folder(project)
    for folder in (own, *own.parent.glob(f"{own.name}-*/")):
        with embedded_server.alone(folder):
            embedded_server.stop(folder)


def _beside(address: str, database: str) -> str:
    """The URL of another database on the demo's server."""
    return address.replace(f"/{DATABASE}?", f"/{database}?")


def _exists(address: str) -> bool:
    known = "select 1 from pg_database where datname = %s"
    with closing(connect_url(_beside(address, "postgres"))) as server:
        return bool(rows(server, known, (DATABASE,)))


def _serve(project: Path) -> str:
    return embedded_server.serve(data_folder(project)).replace("/postgres?", f"/{DATABASE}?")


def _create(project: Path, address: str) -> None:
    """Build the database under another name, then put it in the place of the old one."""
    from .data import fill

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
    ini = project / "alembic.ini"
    words = [sys.executable, "-m", "alembic", "-c", str(ini), "upgrade", REVISION]
    environment = {**os.environ, "DATABASE_URL": address}
    ran = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True)
    if ran.returncode:
        said = ran.stderr.strip().splitlines()
        raise SettingsError(
            f"the demo is Lexikon's database, and {ini} does not lead to its revision {REVISION}"
            f"{': ' + said[-1] if said else '.'}",
            state="the demo database was not created; no other database was touched.",
            next_step="run the demo in Lexikon's checkout, or name a target of your own.",
        )
