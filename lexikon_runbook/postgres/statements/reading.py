"""Reads any statement: which reader its first words call for, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from . import locks, tables, upkeep
from .locks import effect
from .tokens import Cursor, keywords
from .values import Effect, Lock, Statement, strength

_KINDS = (
    *("MATERIALIZED VIEW", "FOREIGN TABLE", "TABLE", "VIEW", "INDEX", "SEQUENCE", "TYPE"),
    *("DOMAIN", "SCHEMA", "EXTENSION", "FUNCTION", "PROCEDURE", "TRIGGER", "RULE", "POLICY"),
    *("STATISTICS", "COLLATION", "ROLE", "DATABASE", "TABLESPACE", "SYSTEM"),
)
_ON_TABLE = frozenset({"trigger", "rule", "policy"})
_MODIFIERS = (
    *("OR REPLACE", "GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED", "UNIQUE"),
    *("CONSTRAINT", "RECURSIVE"),
)
_HARMLESS = locks.KNOWN_FUNCTIONS | locks.words(
    "COUNT MAX MIN SUM AVG EXISTS SET_CONFIG FORMAT QUOTE_IDENT TO_REGCLASS TO_REGTYPE FROM"
    " WHERE ON USING VALUES SELECT ANY ALL OVER UNNEST ARRAY_AGG STRING_AGG ROW_NUMBER"
    " PG_ADVISORY_LOCK PG_ADVISORY_XACT_LOCK PG_TRY_ADVISORY_LOCK PG_TRY_ADVISORY_XACT_LOCK"
    " PG_ADVISORY_UNLOCK PG_SLEEP VERSION CURRENT_DATABASE CURRENT_SCHEMA"
)
_NOT_IN_TRANSACTIONS = frozenset(
    {
        "create index concurrently",
        "drop index concurrently",
        "reindex concurrently",
        "detach partition concurrently",
        "vacuum",
        "vacuum full",
        "create database",
        "drop database",
        "alter system",
        "create tablespace",
        "drop tablespace",
    }
)


def read(sql: str) -> Statement:
    """One statement as values. Pure; never raises: what it does not know is "other"."""
    try:
        effects = tuple(_effects(Cursor(sql)))
    except RecursionError:  # WITH in WITH, a thousand deep
        effects = (_unknown(Cursor(sql)),)
    verbs = list(dict.fromkeys(found.verb for found in effects))
    several = len(verbs) > 1 and Cursor(sql).sees("ALTER")
    return Statement(
        text=sql,
        verb="alter table" if several else verbs[-1],
        effects=effects,
        locks=_strongest(found.locks for found in effects),
        rewrites=_any(found.rewrites for found in effects),
        concurrently=any(name.endswith("concurrently") for name in verbs),
        transactional=not _NOT_IN_TRANSACTIONS.intersection(verbs),
        unnamed="; ".join(locks.UNNAMED[name] for name in verbs if name in locks.UNNAMED),
    )


def _effects(cursor: Cursor) -> list[Effect]:
    for words, reader in _READERS.items():
        if cursor.sees(words):
            return reader(cursor) or [_unknown(cursor)]
    return [_unknown(cursor)]


def _unknown(cursor: Cursor, kind: str = "statement") -> Effect:
    verb = cursor.tokens[0].word.lower() if cursor.tokens else ""
    return Effect("other", kind, "", verb=verb, clause=cursor.sql)


def _strongest(taken: Iterable[tuple[Lock, ...] | None]) -> tuple[Lock, ...] | None:
    strongest: dict[str, Lock] = {}
    for some in taken:
        if some is None:
            return None
        for lock in some:
            known = strongest.setdefault(lock.relation, lock)
            if strength(lock.mode) > strength(known.mode):
                strongest[lock.relation] = lock
    return tuple(strongest.values())


def _any(answers: Iterable[bool | None]) -> bool | None:
    given = set(answers)
    return True if True in given else None if None in given else False


def _create(cursor: Cursor) -> list[Effect]:
    cursor.take("CREATE")
    replaces = cursor.sees("OR REPLACE")
    while cursor.take(*_MODIFIERS):
        pass
    kind = cursor.take(*_KINDS).lower()
    if kind == "table":
        return tables.create_table(cursor)
    if kind == "index":
        return [_create_index(cursor)]
    cursor.take("IF NOT EXISTS")
    name = "" if cursor.sees("ON") else cursor.name()
    verb = "replace view" if kind == "view" and replaces else f"create {kind}"
    if kind in _ON_TABLE or kind == "statistics":
        cursor.until(*{"rule": ("TO",), "statistics": ("FROM",)}.get(kind, ("ON",)))
        cursor.take("TO", "ON", "FROM")
        return [effect("creates", kind, name, verb, cursor.sql, table=cursor.name())]
    return [effect("creates", kind, name, verb, cursor.sql)] if kind else []


def _create_index(cursor: Cursor) -> Effect:
    verb = "create index concurrently" if cursor.take("CONCURRENTLY") else "create index"
    cursor.take("IF NOT EXISTS")
    name = "" if cursor.sees("ON") else cursor.name()
    _ = cursor.take("ON"), cursor.take("ONLY")
    return effect("creates", "index", name, verb, cursor.sql, table=cursor.name())


def _drop(cursor: Cursor) -> list[Effect]:
    cursor.take("DROP")
    kind = cursor.take(*_KINDS).lower()
    verb = f"drop {kind} concurrently" if cursor.take("CONCURRENTLY") else f"drop {kind}"
    cursor.take("IF EXISTS")
    dropped = []
    for each in cursor.clauses() if kind else []:
        name = each.name()
        table = each.name() if kind in _ON_TABLE and each.take("ON") else ""
        dropped.append(effect("drops", kind, name, verb, cursor.sql, table=table))
    return dropped


def _alter(cursor: Cursor) -> list[Effect]:
    cursor.take("ALTER")
    if cursor.take("TABLE"):
        return [] if cursor.sees("ALL IN") else tables.alter_table(cursor)
    kind = cursor.take("DEFAULT PRIVILEGES", *_KINDS).lower()
    cursor.take("IF EXISTS")
    name = cursor.name()
    verb, words, table = f"alter {kind}", keywords(cursor.text()), ""
    if kind in ("policy", "trigger") and cursor.take("ON"):
        table = cursor.name()
    if kind == "type" and " ATTRIBUTE " in words:
        return []
    if kind == "type" and cursor.sees("ADD VALUE"):
        verb = "add enum value"
    if kind in ("index", "sequence") and words.startswith((" RENAME ", " SET SCHEMA ", " OWNER ")):
        verb = f"rename {kind}"
    return [effect("alters", kind, name, verb, cursor.sql, table=table)] if kind else []


def _rows(verb: str, *phrases: str) -> Callable[[Cursor], list[Effect]]:
    def reader(cursor: Cursor) -> list[Effect]:
        _ = cursor.take(*phrases), cursor.take("ONLY")
        name = cursor.name()
        return [effect("writes", "rows", name, verb, cursor.sql, table=name)]

    return reader


def _truncate(cursor: Cursor) -> list[Effect]:
    _ = cursor.take("TRUNCATE"), cursor.take("TABLE"), cursor.take("ONLY")
    names = [clause.name() for clause in cursor.clauses()]
    return [effect("writes", "rows", name, "truncate", cursor.sql, table=name) for name in names]


def _copy(cursor: Cursor) -> list[Effect]:
    cursor.take("COPY")
    name = cursor.name()
    cursor.inside()
    if not name or not cursor.take("FROM"):
        return [effect("other", "rows", name, "copy to", cursor.sql)] if name else []
    return [effect("writes", "rows", name, "copy from", cursor.sql, table=name)]


def _select(cursor: Cursor) -> list[Effect]:
    if locks.functions(cursor) - _HARMLESS:
        return [_unknown(cursor, "code")]
    if " INTO " in keywords(cursor.sql):
        cursor.until("INTO")
        _ = cursor.take("INTO"), cursor.take("UNLOGGED"), cursor.take("TABLE")
        return [effect("creates", "table", cursor.name(), "create table as", cursor.sql)]
    words = keywords(cursor.sql)
    verb = "select for update" if " FOR UPDATE " in words or " FOR SHARE " in words else "select"
    follows = range(1, len(cursor.tokens) + 1)
    from_ = [n for n in follows if cursor.tokens[n - 1].word in ("FROM", "JOIN")]
    read_from = [Cursor(cursor.sql, cursor.tokens[n:]).name() for n in from_]
    named = [name for name in read_from if name] or [""]
    found = [effect("other", "rows", name, verb, cursor.sql) for name in named]
    return (
        found if named != [""] else [Effect("other", "rows", "", "", verb, cursor.sql, (), False)]
    )


def _with(cursor: Cursor) -> list[Effect]:
    found = []
    cursor.take("WITH RECURSIVE", "WITH")
    while cursor.name():
        cursor.inside()
        cursor.until("AS")
        _ = cursor.take("AS"), cursor.take("NOT"), cursor.take("MATERIALIZED")
        found += _effects(cursor.inside())
        if not cursor.take(","):
            break
    return found + _effects(Cursor(cursor.sql, cursor.tokens[cursor.at :]))


def _comment(cursor: Cursor) -> list[Effect]:
    cursor.take("COMMENT ON")
    kind = cursor.take(*_KINDS, "COLUMN", "CONSTRAINT").lower()
    name = cursor.name()
    if cursor.take("ON"):
        relation, verb = cursor.name(), "comment on other"
    elif kind == "column":
        relation, _, name = name.rpartition(".")
        verb = "comment on column"
    else:
        relation, verb = "", f"comment on {kind}"
    if verb.rpartition(" ")[2] not in ("table", "column", "index", "view"):
        verb = "comment on other"
    return [effect("alters", kind or "comment", name, verb, cursor.sql, table=relation)]


def _nothing(verb: str) -> Callable[[Cursor], list[Effect]]:
    return lambda cursor: [effect("other", "session", "", verb, cursor.sql)]


def _code(cursor: Cursor) -> list[Effect]:
    return [_unknown(cursor, "code")]


_READERS: dict[str, Callable[[Cursor], list[Effect]]] = {
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "INSERT INTO": _rows("insert", "INSERT INTO"),
    "UPDATE": _rows("update", "UPDATE"),
    "DELETE FROM": _rows("delete", "DELETE FROM"),
    "MERGE INTO": _rows("merge", "MERGE INTO"),
    "TRUNCATE": _truncate,
    "COPY": _copy,
    "SELECT": _select,
    "WITH": _with,
    "COMMENT ON": _comment,
    "REINDEX": upkeep.reindex,
    "VACUUM": upkeep.maintain,
    "ANALYZE": upkeep.maintain,
    "CLUSTER": upkeep.maintain,
    "REFRESH MATERIALIZED VIEW": upkeep.refresh,
    "LOCK": upkeep.lock,
    "DO": _code,
    "CALL": _code,
    "BEGIN": _nothing("begin"),
    "START TRANSACTION": _nothing("begin"),
    "COMMIT": _nothing("commit"),
    "END": _nothing("commit"),
    "ROLLBACK TO": _nothing("savepoint"),
    "ROLLBACK": _nothing("rollback"),
    "ABORT": _nothing("rollback"),
    "SAVEPOINT": _nothing("savepoint"),
    "RELEASE": _nothing("release"),
    "SET": _nothing("set"),
    "RESET": _nothing("reset"),
    "SHOW": _nothing("show"),
    "GRANT": _nothing("grant"),
    "REVOKE": _nothing("revoke"),
}
