"""Rules about what fails: the revision on rows that exist, the application on new names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...postgres.names import spelled
from .rule import Context, Hit, Rule

_BREAKING = ("rename table", "rename column", "set schema")


def _required(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("add column"):
        filled = effect.default or effect.rewrites is True or effect.says("GENERATED")
        if filled or not effect.says("NOT NULL") or not context.exists(effect.table):
            continue
        table, column = spelled(effect.table), spelled(effect.name)
        yield Hit(
            "danger",
            statement.text,
            f"{effect.name} would be NULL in each row of {context.counted(effect.table)}, "
            "and is NOT NULL: it fails",
            f"ALTER TABLE {table} ADD COLUMN {column} {effect.type} NOT NULL DEFAULT ...;\n"
            f"or add it nullable, fill it in batches, then set it NOT NULL.",
        )


def _rename(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects(*_BREAKING):
        if context.size(effect.table) is None:
            continue
        what = effect.table if effect.kind == "table" else f"{effect.table}.{effect.name}"
        table, column = spelled(effect.table), spelled(effect.name)
        if effect.kind == "table":
            new = re.split(r"\s+", effect.clause)[-1]
            place = f"{new}.{spelled(effect.table.rpartition('.')[2])}"
            target = place if effect.verb == "set schema" else new
            remedy = f"Leave the old name working:\nCREATE VIEW {table} AS SELECT * FROM {target};"
        else:
            remedy = (
                "Add a column with the new name, write both from the application, copy in "
                f"batches, read the new one, then:\nALTER TABLE {table} DROP COLUMN {column};"
            )
        yield Hit(
            "warning",
            statement.text,
            f"{effect.verb}: the running application still says {what}",
            remedy,
        )


RULES = (
    Rule(
        id="not-null-without-default",
        title="A required column has no value for the rows that exist",
        severity="danger",
        meaning="ADD COLUMN ... NOT NULL without a default on a table with rows.",
        effect="It fails (SQLSTATE 23502) after it has waited for the lock.",
        remedy="Give it a default, or add it nullable first.",
        bad="ALTER TABLE terms ADD COLUMN note text NOT NULL",
        good="ALTER TABLE terms ADD COLUMN note text NOT NULL DEFAULT ''",
        match=_required,
    ),
    Rule(
        id="rename",
        title="A name that the application uses changes",
        severity="warning",
        meaning="A table or column is renamed, or a table moves to another schema.",
        effect="From COMMIT on, the running application's queries fail until it is deployed "
        "anew, and after a rollback of the application they fail again.",
        remedy="Keep the old name working: a view for a table, two columns for a column.",
        bad="ALTER TABLE terms RENAME COLUMN name TO label",
        good="ALTER TABLE terms ADD COLUMN label varchar",
        match=_rename,
    ),
)
