"""Reads ALTER TABLE and CREATE TABLE into effects."""

from __future__ import annotations

from .locks import effect
from .tokens import Cursor, keywords
from .values import Effect, Lock

_ENDS_TYPE = (
    *("DEFAULT", "NOT", "NULL", "CONSTRAINT", "REFERENCES", "UNIQUE", "PRIMARY", "CHECK"),
    *("GENERATED", "COLLATE", "STORAGE", "COMPRESSION", "USING"),
)
_CONSTRAINTS = ("FOREIGN KEY", "REFERENCES", "PRIMARY KEY", "UNIQUE", "CHECK", "EXCLUDE")
_COLUMN_CHANGES = {
    "TYPE": "alter column type",
    "SET DATA TYPE": "alter column type",
    "SET DEFAULT": "set default",
    "DROP DEFAULT": "drop default",
    "SET NOT NULL": "set not null",
    "DROP NOT NULL": "drop not null",
    "ADD GENERATED": "alter identity",
    "SET GENERATED": "alter identity",
    "RESTART": "alter identity",
    "DROP IDENTITY": "alter identity",
    "SET EXPRESSION": "set expression",
    "SET STATISTICS": "set statistics",
    "SET STORAGE": "set storage",
    "SET COMPRESSION": "set storage",
    "SET (": "set statistics",
    "RESET (": "set statistics",
}
_TABLE_CHANGES = {
    "VALIDATE CONSTRAINT": ("validate constraint", "constraint"),
    "ALTER CONSTRAINT": ("alter constraint", "constraint"),
    "SET SCHEMA": ("set schema", "table"),
    "SET LOGGED": ("set logged", "table"),
    "SET UNLOGGED": ("set logged", "table"),
    "SET TABLESPACE": ("set tablespace", "table"),
    "SET ACCESS METHOD": ("set access method", "table"),
    "SET (": ("set storage parameters", "table"),
    "RESET (": ("set storage parameters", "table"),
    "CLUSTER ON": ("cluster on", "table"),
    "SET WITHOUT CLUSTER": ("cluster on", "table"),
    "NO INHERIT": ("no inherit", "table"),
    "REPLICA IDENTITY": ("replica identity", "table"),
    "ENABLE TRIGGER": ("enable trigger", "trigger"),
    "DISABLE TRIGGER": ("enable trigger", "trigger"),
    "ENABLE REPLICA TRIGGER": ("enable trigger", "trigger"),
    "ENABLE ALWAYS TRIGGER": ("enable trigger", "trigger"),
    "ENABLE ROW LEVEL SECURITY": ("row security", "table"),
    "DISABLE ROW LEVEL SECURITY": ("row security", "table"),
    "FORCE ROW LEVEL SECURITY": ("row security", "table"),
    "NO FORCE ROW LEVEL SECURITY": ("row security", "table"),
    "OWNER TO": ("owner", "table"),
}


def alter_table(cursor: Cursor) -> list[Effect]:
    """The effects of what follows ALTER TABLE, one or more a clause."""
    cursor.take("IF EXISTS")
    cursor.take("ONLY")
    table = cursor.name()
    cursor.take("*")
    return [change for clause in cursor.clauses() for change in _change(table, clause)]


def _change(table: str, cursor: Cursor) -> list[Effect]:
    clause = cursor.text()
    if cursor.sees("ADD"):
        return _add(table, cursor)
    if cursor.take("DROP CONSTRAINT", "DROP"):
        kind = "constraint" if cursor.tokens[cursor.at - 1].word == "CONSTRAINT" else "column"
        _ = cursor.take("COLUMN"), cursor.take("IF EXISTS")
        return [effect("drops", kind, cursor.name(), f"drop {kind}", clause, table=table)]
    if cursor.take("RENAME"):
        return [_renamed(table, cursor, clause)]
    if cursor.take("ATTACH PARTITION", "DETACH PARTITION", "INHERIT"):
        return [_related(table, cursor, clause)]
    for phrase, (verb, kind) in _TABLE_CHANGES.items():
        if cursor.take(phrase):
            name = cursor.name() if kind != "table" else table
            return [effect("alters", kind, name, verb, clause, table=table)]
    if cursor.take("ALTER"):
        return [_column_changed(table, cursor, clause)]
    return [effect("alters", "table", table, "alter table", clause, table=table)]


def _column_changed(table: str, cursor: Cursor, clause: str) -> Effect:
    cursor.take("COLUMN")
    column = cursor.name()
    found = cursor.take(*_COLUMN_CHANGES)
    verb = _COLUMN_CHANGES.get(found, "alter column")
    type_ = cursor.until(*_ENDS_TYPE).text() if verb == "alter column type" else ""
    default = cursor.text() if verb == "set default" else ""
    return effect(
        "alters", "column", column, verb, clause, table=table, type_=type_, default=default
    )


def _renamed(table: str, cursor: Cursor, clause: str) -> Effect:
    if cursor.take("TO"):
        return effect("alters", "table", table, "rename table", clause, table=table)
    kind = "constraint" if cursor.take("CONSTRAINT") else "column"
    cursor.take("COLUMN")
    return effect("alters", kind, cursor.name(), f"rename {kind}", clause, table=table)


def _related(table: str, cursor: Cursor, clause: str) -> Effect:
    first = clause.split()[0].lower()
    verb = first if first == "inherit" else f"{first} partition"
    other = cursor.name()
    if cursor.sees("CONCURRENTLY"):
        verb += " concurrently"
    beside = "SHARE UPDATE EXCLUSIVE" if first == "inherit" else "ACCESS EXCLUSIVE"
    other_lock = (Lock(beside, other),)
    return effect("alters", "table", table, verb, clause, table=table, beside=other_lock)


def _add(table: str, cursor: Cursor) -> list[Effect]:
    clause = cursor.text()
    cursor.take("ADD")
    if cursor.take("CONSTRAINT"):
        return [_constraint(table, cursor.name(), cursor, clause)]
    if cursor.sees("NOT NULL") or any(cursor.sees(phrase) for phrase in _CONSTRAINTS):
        return [_constraint(table, "", cursor, clause)]
    _ = cursor.take("COLUMN"), cursor.take("IF NOT EXISTS")
    column, definition = cursor.name(), cursor.text()
    type_, default = column_definition(Cursor(definition))
    added = effect(
        "creates",
        "column",
        column,
        "add column",
        clause,
        table=table,
        type_=type_,
        default=default,
    )
    return [added, *_inline(table, Cursor(definition))]


def _inline(table: str, cursor: Cursor) -> list[Effect]:
    """The constraints that a new column brings with it."""
    found = []
    while cursor.peek().kind != "end":
        cursor.until("REFERENCES", "PRIMARY", "UNIQUE", "CHECK")
        if any(cursor.sees(phrase) for phrase in _CONSTRAINTS):
            found.append(_constraint(table, "", cursor, cursor.text()))
        else:
            cursor.at += 1
    return found


def _constraint(table: str, name: str, cursor: Cursor, clause: str) -> Effect:
    words = keywords(clause)
    verb = "add constraint"
    refers = ""
    if kind := cursor.take(*_CONSTRAINTS, "NOT NULL"):
        verb = f"add {kind.lower()}"
    if kind in ("FOREIGN KEY", "REFERENCES"):
        verb = "add foreign key"
        if kind == "FOREIGN KEY":
            cursor.until("REFERENCES")
            cursor.take("REFERENCES")
        refers = cursor.name()
    if " NOT VALID " in words:
        verb += " not valid"
    elif " USING INDEX " in words and " USING INDEX TABLESPACE " not in words:
        verb += " using index"
    beside = (Lock("SHARE ROW EXCLUSIVE", refers),)
    return effect("creates", "constraint", name, verb, clause, table=table, beside=beside)


def column_definition(cursor: Cursor) -> tuple[str, str]:
    """The type and the default of a column, as written; "" for what it does not have."""
    type_ = cursor.until(*_ENDS_TYPE).text()
    cursor.until("DEFAULT")
    if not cursor.take("DEFAULT"):
        return type_, ""
    return type_, cursor.until(*_ENDS_TYPE).text()


def create_table(cursor: Cursor) -> list[Effect]:
    """The effect of what follows CREATE TABLE, with its locks on tables it refers to."""
    clause = cursor.text()
    cursor.take("IF NOT EXISTS")
    table = cursor.name()
    beside = []
    if cursor.take("PARTITION OF"):
        beside.append(Lock("ACCESS EXCLUSIVE", cursor.name()))
    for index, token in enumerate(cursor.tokens):
        place = Cursor(cursor.sql, cursor.tokens[index + 1 :])
        if token.word == "REFERENCES":
            beside.append(Lock("SHARE ROW EXCLUSIVE", place.name()))
        elif token.word == "LIKE" and cursor.tokens[index - 1].word in ("(", ","):
            beside.append(Lock("ACCESS SHARE", place.name()))
        elif token.word == "INHERITS":
            parents = place.inside().clauses()
            beside += [Lock("SHARE UPDATE EXCLUSIVE", parent.name()) for parent in parents]
    verb = "create table as" if " AS " in keywords(clause) else "create table"
    return [effect("creates", "table", table, verb, clause, beside=tuple(beside))]
