"""Which table lock each kind of change takes, and whether it rewrites the table.

Sources: the PostgreSQL manual, 13.3.1 Table-Level Locks, and the pages of ALTER TABLE,
CREATE TABLE, CREATE TRIGGER, ALTER SEQUENCE, ALTER INDEX, REINDEX, COMMENT and LOCK.
tests/postgres/test_statements.py compares them with pg_locks and pg_relation_filenode of a server.
"""

from __future__ import annotations

import re

from .tokens import Cursor, keywords
from .values import NO_LOCK, Effect, Lock

_TAKES: dict[str, str] = {
    NO_LOCK: """
        create table, create table as, create type, create domain, create sequence, create schema,
        create extension, create function, create procedure, create view, create role,
        create materialized view, create collation, alter type, add enum value, alter schema,
        alter function, alter procedure, alter default privileges, alter database, alter role,
        alter system, drop type, drop domain, drop function, drop procedure, drop schema,
        drop role, drop collation, grant, revoke, set, reset, show,
        begin, commit, rollback, savepoint, release, comment on other""",
    "ACCESS SHARE": "select, copy to",
    "ROW SHARE": "select for update",
    "ROW EXCLUSIVE": "insert, update, delete, merge, copy from",
    "SHARE UPDATE EXCLUSIVE": """
        create index concurrently, drop index concurrently, reindex concurrently, validate
        constraint, attach partition, detach partition concurrently, set statistics, vacuum,
        set storage parameters, cluster on, analyze, create statistics, rename index,
        comment on table, comment on column, comment on index, comment on view""",
    "SHARE": "create index, reindex table",
    "SHARE ROW EXCLUSIVE": """
        add foreign key, add foreign key not valid, create trigger, enable trigger,
        alter sequence""",
    "EXCLUSIVE": "refresh materialized view concurrently",
    "ACCESS EXCLUSIVE": """
        add column, drop column, alter column type, set default, drop default, set not null,
        drop not null, alter identity, set expression, set storage, alter column, add check,
        add check not valid, add not null, add not null not valid, add unique, add unique using
        index, add primary key, add primary key using index, add exclude, add constraint, drop
        constraint, alter constraint, rename table, rename column, rename constraint, set schema,
        detach partition, set logged, set tablespace, set access method, inherit, no inherit,
        replica identity, row security, owner, alter table, drop table, drop view, drop
        materialized view, drop sequence, drop index, drop trigger, drop rule, drop policy,
        create rule, create policy, alter policy, alter trigger, replace view, alter view, alter
        materialized view, rename sequence, alter index, truncate, refresh materialized view,
        cluster, vacuum full, lock table, reindex""",
}
_MODE = {
    " ".join(verb.split()): mode for mode, verbs in _TAKES.items() for verb in verbs.split(",")
}

_REWRITING = frozenset({"set logged", "set tablespace", "set access method", "set expression"}) | {
    "cluster",
    "vacuum full",
    "truncate",
    "refresh materialized view",
}
"""Verbs after which the table has new files, whatever it holds."""

_DEPENDING = frozenset(
    {"alter column type", "alter table", "refresh materialized view concurrently"}
)
"""Verbs that rewrite or not by what the table is now."""

_UNNAMED = {
    "the tables that its foreign keys refer to": "drop table, drop column",
    "for a foreign key, the table it refers to": "drop constraint",
    "the tables on the other side of its foreign keys": "alter column type",
    "its partitions": "truncate",
    "the index's table": "drop index, drop index concurrently",
    "the index's table (SHARE)": "reindex",
    "the table of a named index": "reindex concurrently",
    "the tables it reads (ACCESS SHARE), and what its functions touch": (
        "create table as, create view, replace view, create materialized view, "
        "refresh materialized view, refresh materialized view concurrently"
    ),
    "with CASCADE, what depends on it": "drop view, drop function",
    "with CASCADE, all that is in it": "drop schema",
    "with CASCADE, the tables that use it": "drop type, drop sequence",
    (
        "the tables it reads and those its foreign keys refer to (ROW SHARE)"
        ", and what triggers touch"
    ): "insert, update",
    (
        "the tables it reads and those whose foreign keys refer to it (ROW EXCLUSIVE)"
        ", and what triggers touch"
    ): "delete",
    "the tables it reads, and what triggers touch": "merge",
    "what is commented on": "comment on other",
}
UNNAMED = {verb: also for also, verbs in _UNNAMED.items() for verb in verbs.split(", ")}
"""What else a verb locks, which the statement's text does not name."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


_VOLATILE = words(
    "GEN_RANDOM_UUID UUID_GENERATE_V1 UUID_GENERATE_V1MC UUID_GENERATE_V4 UUIDV4 UUIDV7 RANDOM"
    " RANDOM_NORMAL CLOCK_TIMESTAMP TIMEOFDAY NEXTVAL SETVAL CURRVAL LASTVAL GEN_SALT"
)
_STEADY = words(
    "NOW TRANSACTION_TIMESTAMP STATEMENT_TIMESTAMP TIMEZONE DATE_TRUNC CURRENT_TIMESTAMP"
    " LOCALTIMESTAMP CURRENT_TIME LOCALTIME CURRENT_SETTING LOWER UPPER COALESCE CONCAT TO_CHAR"
    " MD5 LENGTH JSONB_BUILD_OBJECT JSON_BUILD_OBJECT JSONB_BUILD_ARRAY TO_JSONB MAKE_INTERVAL"
    " CAST AND OR NOT IN ARRAY ROW"
)
_TYPES = words(
    "INTEGER INT INT2 INT4 INT8 BIGINT SMALLINT TEXT VARCHAR CHARACTER CHAR BPCHAR BOOLEAN BOOL"
    " TIMESTAMP TIMESTAMPTZ DATE TIME TIMETZ NUMERIC DECIMAL REAL DOUBLE FLOAT FLOAT4 FLOAT8"
    " JSON JSONB UUID BYTEA INTERVAL INET CIDR MACADDR TSVECTOR TSQUERY XML MONEY BIT OID POINT"
    " INT4RANGE INT8RANGE NUMRANGE TSRANGE TSTZRANGE DATERANGE REGCLASS NAME"
)
KNOWN_FUNCTIONS = _VOLATILE | _STEADY | _TYPES
"""Functions and types that take no table lock when a SELECT calls them."""

_SERIAL = re.compile(r"(small|big)?serial[248]?\b", re.IGNORECASE)


_CASCADING = frozenset(
    {"drop type", "drop domain", "drop function", "drop procedure", "drop schema"}
)
"""Verbs that lock no table, until CASCADE makes them drop columns of tables not named."""


def effect(
    action: str,
    kind: str,
    name: str,
    verb: str,
    clause: str,
    *,
    table: str = "",
    type_: str = "",
    default: str = "",
    beside: tuple[Lock, ...] = (),
) -> Effect:
    """The effect with the locks and the rewriting that its verb means.

    The lock is on `table`, or else on `name`; `beside` are locks on other tables it names.
    """
    said = keywords(clause)
    mode = _MODE.get(verb)
    if verb in _CASCADING and " CASCADE " in said:
        mode = None
    rewrites: bool | None = verb in _REWRITING
    if mode is None or verb in _DEPENDING:
        rewrites = None
    elif verb == "add column":
        rewrites = _column_rewrites(type_, default, said)
    taken = None
    if mode is not None:
        own = () if mode == NO_LOCK else (Lock(mode, table or name),)
        others = (lock for lock in beside if lock.relation not in ("", table or name))
        taken = (*own, *others)
    return Effect(action, kind, name, table, verb, clause, taken, rewrites, type_, default)


def _column_rewrites(type_: str, default: str, said: str) -> bool | None:
    """Whether ADD COLUMN rewrites the table; None when a function or a type decides it.

    A default that is the same for every row is stored once (since 11); a volatile one,
    serial, an identity, and a stored generated column write every row. So does a domain
    with a constraint, and a type's name alone does not say that it is one.
    """
    if _SERIAL.match(type_) or " AS IDENTITY " in said or " STORED " in said:
        return True
    called = functions(Cursor(default))
    if called & _VOLATILE:
        return True
    builtin = Cursor(type_).peek().word in _TYPES
    return False if builtin and called <= _STEADY | _TYPES else None


def functions(cursor: Cursor) -> set[str]:
    """The names, in capitals, that a parenthesis follows."""
    pairs = zip(cursor.tokens, cursor.tokens[1:], strict=False)
    return {
        token.text.strip('"').upper()
        for token, after in pairs
        if token.kind in ("word", "quoted") and after.text == "("
    }
