"""Roles on the server of throwaway databases: they belong to all of it, not to one database.

A role of the target's server is made where it is missing, so that a GRANT finds it, and marked;
where a revision creates it itself, the marked one goes. What revisions made goes at the end.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..postgres import connections
from ..postgres.connections import Connection
from ..postgres.names import quoted_name

MARK = "lexikon-runbook: a role of a target's server, for throwaway databases"
DUPLICATE = "42710"  # duplicate_object
NAME = r"(\"(?:[^\"]|\"\")+\"|[\w$]+)"
CREATED = re.compile(rf"\bCREATE\s+(?:ROLE|USER|GROUP)\s+(?!MAPPING\b){NAME}", re.I)
CHANGED = re.compile(
    rf"\b(?:DROP|ALTER)\s+(?:ROLE|USER|GROUP)\s+(?!MAPPING\b)(?:IF\s+EXISTS\s+)?{NAME}", re.I
)
THERE = "select rolname from pg_roles"
MARKED = """
select rolname from pg_roles where shobj_description(oid, 'pg_authid') = %s and rolname = any(%s)
"""


@dataclass
class Roles:
    """The roles of one server while a throwaway database is there.

    `before` were there when it was made. `kept` may not be changed: the target's own database is
    on that server, too.
    """

    server: Connection
    before: frozenset[str]
    kept: frozenset[str] = frozenset()
    texts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, server: Connection, database: str) -> Roles:
        """The roles of that server; kept where it has a database of that name. Reads only."""
        before = frozenset(row[0] for row in connections.rows(server, THERE))
        known = "select 1 from pg_database where datname = %s"
        shared = bool(connections.rows(server, known, (database,)))
        return cls(server, before, before if shared else frozenset())

    def note(self, sql: str) -> None:
        """Remember a statement that was sent, if it makes a role."""
        if CREATED.search(sql):
            self.texts.append(sql)

    def changed(self, sql: str) -> str:
        """The role that may not be changed and that a statement changes; "" for none. Pure."""
        return next((name for name in named(CHANGED, sql) if name in self.kept), "")

    def in_the_way(self, sql: str) -> list[str]:
        """The roles that a statement creates and that were there before. Pure."""
        return [name for name in named(CREATED, sql) if name in self.before]

    def give_way(self, names: Iterable[str]) -> bool:
        """Drop these roles where they are marked ones; whether one went. Writes the server."""
        gone = {name for name in self._marked(names) if self._drop(name)}
        self.before -= gone
        return bool(gone)

    def drop_made(self) -> None:
        """Drop the roles that revisions made, when their database has gone. Writes the server."""
        if not self.texts:
            return
        now = {row[0] for row in connections.rows(self.server, THERE)} - self.before
        for name in sorted(now - self._marked(now)):
            if any(
                re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) for text in self.texts
            ):
                self._drop(name)

    def _marked(self, names: Iterable[str]) -> set[str]:
        return {row[0] for row in connections.rows(self.server, MARKED, (MARK, list(names)))}

    def _drop(self, name: str) -> bool:
        with contextlib.suppress(connections.Error):  # another database may need it
            connections.rows(self.server, f"drop role {quoted_name(name)}")
            return True
        return False


def named(pattern: re.Pattern[str], sql: str) -> Iterator[str]:
    """The names of roles behind such words, as the server folds them. Pure."""
    for match in pattern.finditer(sql):
        name = match[1]
        yield name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def ensure(server: Connection, role: str, owner: bool) -> None:
    """A role of that name, so that a GRANT in a migration finds it; one that is there stays.

    Nobody logs in by network. Writes the server.
    """
    if connections.rows(server, "select 1 from pg_roles where rolname = %s", (role,)):
        return
    rights = "superuser login" if owner else "nologin"
    connections.rows(server, f"create role {quoted_name(role)} {rights}")
    connections.rows(server, f"comment on role {quoted_name(role)} is %s", (MARK,))
