"""Whether a database is at the checkout's head, seen without a worker.

Most deploys have nothing to do, and starting the project's Python takes longer than all
that they have to check. Only what the text of the files says for certain is believed: a
plain ini, literal revision ids, one head, and an env.py that leaves the version table
where it is by default. Anything else is left to Alembic. Reads only.
"""

from __future__ import annotations

import configparser
from pathlib import Path

from ..postgres.connections import Connection
from ..targets.settings import Target
from . import checkout
from .history import History, Revision
from .version import Version, held

TABLE = "alembic_version"
# Each changes which files are revisions, or which table holds the version row.
ELSEWHERE = ("version_locations", "recursive_version_locations", "sourceless")
ELSEWHERE_IN_ENV = ("version_table", "search_path", "**", "schema_translate_map")


def history(target: Target) -> History | None:
    """The checkout's one line of revisions, or None when its text leaves a doubt.

    Raises HistoryError for what no reading makes right: see `checkout.check`.
    """
    folder = None if target.worker else _folder(target)
    if folder is None:
        return None
    files = sorted(
        file
        for file in (folder / "versions").glob("*.py")
        if not file.name.startswith(checkout.IGNORED)
    )
    checkout.check(files)
    found = [_revision(file) for file in files]
    known = [revision for revision in found if revision is not None]
    parents = {parent for revision in known for parent in revision.down}
    heads = tuple(revision.id for revision in known if revision.id not in parents)
    if len(known) < len(found) or len(heads) != 1:
        return None
    return History(tuple(known), heads, target, folder)


def version(connection: Connection, found: History) -> Version | None:
    """The version row, when it is the checkout's head; None for whatever else it is."""
    rows = held(connection, TABLE)
    return Version(rows, TABLE, True) if rows is not None and rows == found.heads else None


def _folder(target: Target) -> Path | None:
    """The script folder of a plain project, or None."""
    try:
        parser = configparser.ConfigParser({"here": str(target.ini.parent.absolute())})
        parser.read_string(target.ini.read_text(encoding="utf-8"))
        section = parser[target.alembic_section]
        written = section.get("script_location", "")
        plain = written and not any(section.get(key) for key in ELSEWHERE)
        folder = (target.ini.parent / written).absolute()
        env_py = (folder / "env.py").read_text(encoding="utf-8")
        more = target.ini.parent / "pyproject.toml"
        more_settings = more.exists() and "[tool.alembic" in more.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
        return None
    here = "context.configure(" in env_py and not any(word in env_py for word in ELSEWHERE_IN_ENV)
    return folder if plain and here and not more_settings else None


def _revision(file: Path) -> Revision | None:
    """A revision whose id and parents are literals; None for any other file."""
    text = file.read_bytes()
    names = checkout.literals(text)
    id_, down = names.get("revision"), names.get("down_revision", 0)
    parents = (down,) if isinstance(down, str) else down or ()
    if not isinstance(id_, str) or not isinstance(parents, tuple | list):
        return None
    message = (names["__doc__"] or "").partition("\n")[0]
    return Revision(id_, tuple(parents), file, message, checkout.checksum(text))
