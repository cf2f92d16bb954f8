"""Where the embedded demo server keeps its files, and its address while it runs. Reads only."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import quote

DATABASE = "lexikon"


def data_folder(project: Path) -> Path:
    """Where the demo's server keeps its files: LEXIKON_RUNBOOK_DEMO_DIR, or `.demo`."""
    named = os.environ.get("LEXIKON_RUNBOOK_DEMO_DIR")
    return Path(named).absolute() if named else project.absolute() / ".demo"


def url(project: Path) -> str | None:
    """The demo database's URL, or None when its server is not running."""
    try:
        lines = (data_folder(project) / "postmaster.pid").read_text().splitlines()
        port, folder = lines[3].strip(), lines[4].strip()
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(f"{folder}/.s.PGSQL.{port}")
    except (OSError, IndexError):
        return None
    return f"postgresql://postgres@/{DATABASE}?host={quote(folder)}&port={port}"
