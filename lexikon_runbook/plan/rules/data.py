"""Rules about what a revision loses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...postgres.names import spelled
from ...postgres.statements import Effect
from .rule import Context, Hit, Rule, Severity

_ALWAYS = re.compile(r"\s+WHERE\s*\(?\s*(true|1\s*=\s*1)\s*\)?\s*;?\s*$", re.IGNORECASE)


def _dump(context: Context, table: str) -> str:
    """How to keep what a downgrade drops: nothing else does."""
    name = context.qualified.get(table, spelled(table))
    return f"What it drops is gone. Keep it first: pg_dump -Fc -d URL -t '{name}' -f '{table}.dump'"


def _created(context: Context) -> set[str]:
    return {
        effect.name
        for statement in context.statements
        for effect in statement.effects
        if (effect.action, effect.kind) == ("creates", "table")
    }


def _loss(context: Context, table: str) -> Severity:
    return "warning" if context.size(table) in (0, None) else "danger"


def _drop_table(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("drop table"):
        if effect.name in _created(context) and context.size(effect.name) is None:
            continue
        name = spelled(effect.name)
        remedy = (
            f"Deploy code that no longer uses {effect.name} first. Then set it aside, and drop "
            f"it a release later:\nCREATE SCHEMA IF NOT EXISTS kept;\n"
            f"ALTER TABLE {name} SET SCHEMA kept;"
        )
        yield Hit(
            _loss(context, effect.name),
            statement.text,
            f"drops table {context.counted(effect.name)}",
            _dump(context, effect.name) if context.direction == "downgrade" else remedy,
        )


def _drop_column(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("drop column"):
        if effect.table in _created(context) and context.size(effect.table) is None:
            continue
        column = context.columns.get((effect.table, effect.name))
        generated = column is not None and column.generated
        if generated and _computed_again(context, effect):
            continue
        remedy = _written_without(context, effect.table, effect.name)
        yield Hit(
            "warning" if generated else _loss(context, effect.table),
            statement.text,
            f"drops column {effect.name} of {context.counted(effect.table)}",
            _dump(context, effect.table) if context.direction == "downgrade" else remedy,
        )


def _computed_again(context: Context, dropped: Effect) -> bool:
    """Whether the same revision adds a generated column again: by another expression."""
    return any(
        (effect.table, effect.name) == (dropped.table, dropped.name)
        and effect.says("GENERATED ALWAYS AS")
        for _, effect in context.effects("add column")
    )


def _written_without(context: Context, table: str, column: str) -> str:
    """How rows can be written without a column, in SQL that PostgreSQL accepts for it."""
    alter, name = f"ALTER TABLE {spelled(table)}", spelled(column)
    statements = [f"{alter} ALTER COLUMN {name} DROP NOT NULL;"]
    known, key = context.columns.get((table, column)), ""
    if known and known.identity:
        statements.insert(0, f"{alter} ALTER COLUMN {name} DROP IDENTITY;")
    if known and known.key:
        statements.insert(0, f"{alter} DROP CONSTRAINT {spelled(known.key)};")
        key = (
            f"It is in the primary key {known.key}, which goes with it: let the table have another "
            "unique key, and foreign keys refer to that, before. "
        )
    return (
        f"Deploy code that no longer reads or writes {table}.{column} first. {key}"
        "Then let rows be written without it, and drop it a release later:\n"
        + "\n".join(statements)
    )


def _cascade(context: Context) -> Iterator[Hit]:
    for statement in context.statements:
        drops = [e for e in statement.effects if e.action == "drops" or e.verb == "truncate"]
        guilty = [e for e in drops if e.says("CASCADE")]
        if guilty:
            names = ", ".join(dict.fromkeys(e.name for e in guilty))
            yield Hit(
                "danger",
                statement.text,
                f"{guilty[0].verb} {names} CASCADE reaches objects that the plan cannot list",
                "Name them, so that the plan shows them, and leave CASCADE out:\n"
                + re.sub(r"\s+CASCADE\b", "", statement.text, flags=re.IGNORECASE),
            )


def _truncate(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("truncate"):
        if context.exists(effect.table) or effect.table not in _created(context):
            yield Hit(
                "danger",
                statement.text,
                f"empties {context.counted(effect.table)}",
                "Keep the rows first, in the same revision:\n"
                f"CREATE TABLE {_kept_name(effect.table)} AS TABLE {spelled(effect.table)};",
            )


def _kept_name(table: str) -> str:
    return spelled(f"{table.rpartition('.')[2]}_kept")


def _delete(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("delete"):
        if effect.table in _created(context):
            continue
        every = _touches_every_row(statement.text, statement.says("WHERE"))
        condition = "" if every else " WHERE ..."
        yield Hit(
            "danger" if every else "warning",
            statement.text,
            f"deletes {'every row' if every else 'rows'} of {context.counted(effect.table)}",
            "Keep the rows first, in the same revision, so that the downgrade can put them back:\n"
            f"CREATE TABLE {_kept_name(effect.table)} AS "
            f"SELECT * FROM {spelled(effect.table)}{condition};",
        )


def _update(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("update"):
        every = _touches_every_row(statement.text, statement.says("WHERE"))
        severity = context.graded(effect.table, "warning")
        if not every or severity is None:
            continue
        table = spelled(effect.table)
        yield Hit(
            severity,
            statement.text,
            f"updates every row of {context.counted(effect.table)} in one transaction",
            "Update in batches, outside the revision's transaction, until none is left:\n"
            f"{_ALWAYS.sub('', statement.text).rstrip(' ;')}\n"
            f"WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE ... LIMIT 5000));",
        )


def _touches_every_row(sql: str, has_where: bool) -> bool:
    """Whether there is no WHERE, or one that is always true."""
    return not has_where or bool(_ALWAYS.search(sql))


RULES = (
    Rule(
        id="drop-table",
        title="A table is dropped",
        severity="danger",
        meaning="A revision drops a table that exists before the plan.",
        effect=(
            "Its rows are gone at COMMIT. A running application that still uses it fails. The "
            "lock is ACCESS EXCLUSIVE, also on every table that its foreign keys refer to."
        ),
        remedy=(
            "Stop using it, set it aside, drop it a release later. A rollback does not keep its "
            "rows: copy them first."
        ),
        bad="DROP TABLE terms",
        good="ALTER TABLE terms SET SCHEMA kept",
        match=_drop_table,
    ),
    Rule(
        id="drop-column",
        title="A column is dropped",
        severity="danger",
        meaning="A revision drops a column of a table that exists before the plan.",
        effect=(
            "Its values are gone at COMMIT, with every index and constraint on it. ORM code "
            "that still names the column in SELECT or INSERT fails."
        ),
        remedy=(
            "Stop using it, make it nullable, drop it a release later. In a primary key it can't "
            "be nullable: replace the key first."
        ),
        bad="ALTER TABLE terms DROP COLUMN domain",
        good="ALTER TABLE terms ALTER COLUMN domain DROP NOT NULL",
        match=_drop_column,
    ),
    Rule(
        id="drop-cascade",
        title="CASCADE drops more than it says",
        severity="danger",
        meaning=(
            "A DROP or TRUNCATE has CASCADE: of a table, type, schema, function or anything else."
        ),
        effect=(
            "PostgreSQL drops columns, views, foreign keys, or rows of other tables that no "
            "plan and no reviewer has seen. Without CASCADE it refuses and lists them."
        ),
        remedy="Drop each dependent object by name.",
        bad="DROP TYPE termstatusenum CASCADE",
        good="DROP TYPE termstatusenum",
        match=_cascade,
    ),
    Rule(
        id="truncate",
        title="A table is emptied",
        severity="danger",
        meaning="A revision truncates a table.",
        effect="All rows are gone at COMMIT, and the lock is ACCESS EXCLUSIVE.",
        remedy=(
            "Keep the rows in another table first; delete what must go by a condition, in batches."
        ),
        bad="TRUNCATE terms",
        good="CREATE TABLE terms_kept AS TABLE terms",
        match=_truncate,
    ),
    Rule(
        id="delete-rows",
        title="Rows are deleted",
        severity="danger",
        meaning="A revision deletes rows: danger without WHERE (or with one that is always "
        "true), else a warning.",
        effect="No downgrade can put back what nothing kept. Foreign keys with ON DELETE "
        "CASCADE delete in other tables, too.",
        remedy="Keep the rows in another table first.",
        bad="DELETE FROM terms",
        good="CREATE TABLE terms_kept AS SELECT * FROM terms WHERE status = 'draft'",
        match=_delete,
    ),
    Rule(
        id="update-every-row",
        title="Every row is updated at once",
        severity="danger",
        meaning=(
            "An UPDATE without WHERE on a table that exists: danger on a large one, else a warning."
        ),
        effect=(
            "Each row stays locked until COMMIT, so writers of these rows wait; the table "
            "doubles its size until vacuum; the old values are gone."
        ),
        remedy="Update in batches of some thousand rows, each in its own transaction.",
        bad="UPDATE terms SET status = 'draft'",
        good="UPDATE terms SET status = 'draft' WHERE status IS NULL",
        match=_update,
    ),
)
