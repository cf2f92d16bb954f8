"""What was read of a database and of a checkout, as plain values. Pure.

Names of tables, indexes, types, schemas and roles are as SQL spells them; files are relative to
the project; a line is 0 where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Address:
    """The URL's scheme and drivers; never a part of the URL that could be a secret."""

    scheme: str
    percent: bool
    sqlalchemy: tuple[int, ...]
    psycopg3: bool


@dataclass(frozen=True)
class Session:
    """A server process or a prepared transaction: words, age in seconds, the SQL that ends it."""

    pid: int
    words: str
    end_with: str
    seconds: float = 0.0
    tables: tuple[str, ...] = ()
    idle: bool = False
    user: str = ""


@dataclass(frozen=True)
class Wait:
    """Who waits for a lock now, how long in seconds, and who is in the way."""

    session: Session
    words: str
    seconds: float
    migrates: bool
    blockers: tuple[Session, ...]


@dataclass(frozen=True)
class Slot:
    """A replication slot that nobody reads, and the bytes of WAL that it keeps."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Server:
    """The server and this role on it. `settings` are what a new session of the role gets."""

    database: str
    user: str
    port: str
    standby: bool = False
    pooled: bool = False
    primary: str = ""
    used: int = 0
    allowed: int = 100
    idle: tuple[Session, ...] = ()
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    schema: str | None = "public"
    schema_owner: str = ""
    may_create: bool = True
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True)
class Index:
    """An INVALID index."""

    name: str
    table: str
    being_built: bool


@dataclass(frozen=True)
class Constraint:
    """A constraint that was never checked on the rows that were there before it."""

    name: str
    table: str


@dataclass(frozen=True)
class Sequence:
    """A sequence that is near its end, and the narrowest column that it fills, if any."""

    name: str
    last: int
    most: int
    percent: float
    table: str = ""
    column: str = ""
    column_type: str = ""


@dataclass(frozen=True)
class Sequences:
    """The sequences that are near their end; `unread` the others, with what it would need."""

    near: tuple[Sequence, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """What the catalogs show at a glance. `tables` are users' tables, the version table not."""

    tables: int = 0
    invalid: tuple[Index, ...] = ()
    unvalidated: tuple[Constraint, ...] = ()


@dataclass(frozen=True)
class VersionTable:
    """A version table: its rows, its schema, and what this role may do with it.

    `width` is how many characters an id may have in it, or in the one that env.py would make;
    None is any.
    """

    name: str
    tracked: bool = True
    ids: tuple[str, ...] = ()
    owner: str = ""
    may_read: bool = True
    may_write: bool = True
    schema: str = "public"
    width: int | None = 32


@dataclass(frozen=True)
class File:
    """A revision file read as text.

    `id_start` and `down_start` are the lines of `revision` and `down_revision` up to the value;
    `widens` is whether it speaks of the version table's column.
    """

    path: str
    id: str = ""
    id_line: int = 0
    id_start: str = ""
    down: tuple[str, ...] = ()
    down_line: int = 0
    down_start: str = ""
    depends: tuple[str, ...] = ()
    created: str = ""
    imports: tuple[tuple[str, int], ...] = ()
    swallows: tuple[tuple[int, str], ...] = ()
    widens: bool = False
    broken: str = ""
    broken_line: int = 0


@dataclass(frozen=True)
class Configure:
    """A call of context.configure(): its line as it is, and which version table it names.

    `names` holds, by keyword, the line, its text and the keyword with its value in it.
    """

    line: int
    text: str
    names: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class EnvPy:
    """env.py read as text: the lines that matter, each as (line, the text that would be right).

    `early` are the statements before context.configure(); `unescaped` a URL that goes into the
    configuration with a bare %.
    """

    path: str
    configures: tuple[Configure, ...] = ()
    early: tuple[tuple[int, str], ...] = ()
    unescaped: tuple[tuple[int, str], ...] = ()
    disables_loggers: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Checkout:
    """The checkout's files as text, what is wrong in it, and modules that are not installed."""

    files: tuple[File, ...] = ()
    env_py: EnvPy | None = None
    missing: tuple[tuple[str, int, str], ...] = ()
    shadows: tuple[str, ...] = ()
    sourceless: tuple[str, ...] = ()
    timezone: tuple[str, int] = ("", 0)

    def file(self, id_: str) -> File | None:
        """The file of that revision."""
        return next((file for file in self.files if file.id == id_), None)


@dataclass(frozen=True)
class Git:
    """What git says: files that are not committed, and the commits that have what is missing."""

    uncommitted: tuple[str, ...] = ()
    commits: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Branch:
    """One head, and the revisions that only it has, the oldest first."""

    head: str
    message: str
    file: str
    revisions: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """The revisions as Alembic reads them. `behind` maps each to all that come before it."""

    order: tuple[str, ...]
    heads: tuple[str, ...]
    behind: Mapping[str, frozenset[str]]
    branches: tuple[Branch, ...] = ()
    common: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """An object that a pending revision creates; `there` and `used` are what the database says."""

    revision: str
    file: str
    kind: str
    name: str
    there: bool = False
    used: bool = True


@dataclass(frozen=True)
class Owned:
    """A table that a pending revision alters, and a role that must own it."""

    revision: str
    table: str
    owner: str
    ours: bool


@dataclass(frozen=True)
class Pending:
    """What would run, by its offline SQL; `unknown` are revisions that have none."""

    ids: tuple[str, ...] = ()
    made: tuple[Made, ...] = ()
    touched: tuple[Owned, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edited:
    """An applied revision whose file is not what was applied; `commit` has what was."""

    revision: str
    file: str
    applied: str
    commit: str = ""
