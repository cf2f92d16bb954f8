"""Where the embedded server keeps its files, and its address while it runs. Reads only."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from .urls import Address

DATABASE = "lexikon"
MAINTENANCE = "postgres"
REVISION = "b9d0965451a3"  # where the demo stands


def is_lexikon(project: Path) -> bool:
    """Whether the project is Lexikon's own checkout, whose database the demo is."""
    return any(project.glob(f"alembic/versions/{REVISION}_*.py"))


def data_folder(project: Path) -> Path:
    """Where the demo's server keeps its files: LEXIKON_RUNBOOK_DEMO_DIR, or `.demo`."""
    named = os.environ.get("LEXIKON_RUNBOOK_DEMO_DIR")
    return Path(named).absolute() if named else project.absolute() / ".demo"


def address(folder: Path, database: str) -> str | None:
    """The URL of a database on the server in that folder, or None when it is not running."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
        port, sockets = lines[3].strip(), lines[4].strip()
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(f"{sockets}/.s.PGSQL.{port}")
    except (OSError, IndexError):
        return None
    return Address(sockets, port, database, "postgres").url()


def url(project: Path) -> str | None:
    """The demo database's URL, or None when its server is not running."""
    return address(data_folder(project), DATABASE)
