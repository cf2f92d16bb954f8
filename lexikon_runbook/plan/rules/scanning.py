"""Rules about work on every row of a table under a lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...postgres.names import spelled
from ...postgres.statements import Effect
from .rule import Context, Hit, Rule, autocommit

_VALIDATING = ("add foreign key", "add check", "add not null")
_BUILDING = ("add unique", "add primary key", "add exclude")
_REWRITING = (
    *("set logged", "set tablespace", "set access method", "set expression"),
    *("cluster", "vacuum full"),
)


def _default(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("add column"):
        severity = context.graded(effect.table, "warning")
        sure = effect.rewrites is True
        unsure = effect.rewrites is None and bool(effect.default)
        if not severity or not (sure or unsure):
            continue
        yield Hit(
            severity if sure else "warning",
            statement.text,
            f"new column {effect.name} {'rewrites' if sure else 'may rewrite'} "
            f"{context.counted(effect.table)} under ACCESS EXCLUSIVE",
            _default_remedy(effect),
        )


def _default_remedy(effect: Effect) -> str:
    table, column = spelled(effect.table), spelled(effect.name)
    if not effect.default:
        return (
            f"Add {effect.name} as a plain nullable column, fill it in batches, then add its "
            f"default or identity:\nALTER TABLE {table} ADD COLUMN {column} bigint;"
        )
    return (
        f"ALTER TABLE {table} ADD COLUMN {column} {effect.type};\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {effect.default};\n"
        f"Then fill the older rows in batches: UPDATE {table} SET {column} = {effect.default} "
        f"WHERE {column} IS NULL AND ...;"
    )


def _type(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("alter column type"):
        if severity := context.graded(effect.table, "warning"):
            table, column = spelled(effect.table), spelled(effect.name)
            new = spelled(f"{effect.name}_new")
            yield Hit(
                severity,
                statement.text,
                f"the new type of {effect.name} may rewrite {context.counted(effect.table)} "
                "and its indexes under ACCESS EXCLUSIVE (longer varchar, or varchar to text, "
                "does not)",
                f"ALTER TABLE {table} ADD COLUMN {new} {effect.type};\nWrite both from the "
                f"application, copy {column} in batches, read {new}, then drop {column}.",
            )


def _rewrite(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects(*_REWRITING):
        if severity := context.graded(effect.table, "warning"):
            yield Hit(
                severity,
                statement.text,
                f"{effect.verb} rewrites {context.counted(effect.table)} under ACCESS EXCLUSIVE",
                f"Do it in a maintenance window, not in a revision; pg_repack rewrites "
                f"{effect.table} while the application works.",
            )


def _not_null(context: Context) -> Iterator[Hit]:
    proved = {effect.table for _, effect in context.effects("validate constraint")}
    for statement, effect in context.effects("set not null"):
        severity = context.graded(effect.table, None)
        if not severity or effect.table in proved:
            continue
        table, column = spelled(effect.table), spelled(effect.name)
        check = spelled(f"{effect.table.rpartition('.')[2]}_{effect.name}_not_null")
        yield Hit(
            severity,
            statement.text,
            f"reads all of {context.counted(effect.table)} under ACCESS EXCLUSIVE to look for "
            f"NULL in {effect.name}",
            f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID;\n"
            "and in the next revision, which then need not read the table under the lock:\n"
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {check};\n"
            f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;\n"
            f"ALTER TABLE {table} DROP CONSTRAINT {check};",
        )


def _validates(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects(*_VALIDATING):
        if severity := context.graded(effect.table, None):
            what = " ".join(filter(None, (effect.verb[4:], effect.name)))
            yield Hit(
                severity,
                statement.text,
                f"{what} reads all of {context.counted(effect.table)} "
                f"while {', '.join(map(str, effect.locks or ()))} is held",
                _validates_remedy(effect),
            )


def _validates_remedy(effect: Effect) -> str:
    table = spelled(effect.table)
    if not effect.name:
        return f"Add it to {table} with a name and NOT VALID; VALIDATE it in the next revision."
    return (
        f"ALTER TABLE {table} {effect.clause} NOT VALID;\nand in the next revision:\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {spelled(effect.name)};"
    )


def _same_transaction(context: Context) -> Iterator[Hit]:
    added = {
        (effect.table, effect.name)
        for _, effect in context.effects(*(f"{verb} not valid" for verb in _VALIDATING))
    }
    for statement, effect in context.effects("validate constraint"):
        if (effect.table, effect.name) in added and context.graded(effect.table, None):
            yield Hit(
                "warning",
                statement.text,
                f"reads all of {context.counted(effect.table)} while the lock of "
                "ADD CONSTRAINT is still held",
                f"Move it into the next revision:\nALTER TABLE {spelled(effect.table)} "
                f"VALIDATE CONSTRAINT {spelled(effect.name)};",
            )


def _unique(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects(*_BUILDING):
        if severity := context.graded(effect.table, "note"):
            yield Hit(
                severity,
                statement.text,
                f"{effect.verb[4:]} {effect.name} builds its index on "
                f"{context.counted(effect.table)} under ACCESS EXCLUSIVE",
                _unique_remedy(effect),
            )


def _unique_remedy(effect: Effect) -> str:
    columns = re.search(r"\b(UNIQUE|PRIMARY\s+KEY)\b[^(]*(\([^)]*\))", effect.clause, re.IGNORECASE)
    if not columns:
        return "There is no way around the lock: do it when few use the table."
    kind = effect.verb[4:].upper()
    bare = effect.table.rpartition(".")[2]
    name = spelled(effect.name or f"{bare}_{'pkey' if kind == 'PRIMARY KEY' else 'key'}")
    table = spelled(effect.table)
    index = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} {columns[2]}"
    return (
        f"{autocommit(index)}\nand in the next revision:\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name};"
    )


RULES = (
    Rule(
        id="volatile-default",
        title="A new column rewrites the table",
        severity="danger",
        meaning=(
            "ADD COLUMN with a default that differs from row to row, with serial, identity or a "
            "stored generated value: danger on a large table, else a warning; a warning, too, "
            "when the function is not known."
        ),
        effect="Every row and every index is written anew, while ACCESS EXCLUSIVE is held.",
        remedy="Add the column without, set the default, fill older rows in batches.",
        bad="ALTER TABLE terms ADD COLUMN token uuid DEFAULT gen_random_uuid()",
        good="ALTER TABLE terms ADD COLUMN seen timestamp DEFAULT now()",
        match=_default,
    ),
    Rule(
        id="change-type",
        title="A column's type changes",
        severity="danger",
        meaning=(
            "ALTER COLUMN ... TYPE on a table with rows: danger on a large one, else a warning."
        ),
        effect="Most changes write every row and every index anew under ACCESS EXCLUSIVE, and "
        "fail the application that sends the old type.",
        remedy="Add a column of the new type, write both, copy in batches, switch.",
        bad="ALTER TABLE terms ALTER COLUMN id TYPE bigint USING id::bigint",
        good="ALTER TABLE terms ADD COLUMN id_new bigint",
        match=_type,
    ),
    Rule(
        id="table-rewrite",
        title="A table is written anew",
        severity="danger",
        meaning=(
            "SET LOGGED or UNLOGGED, SET TABLESPACE, SET ACCESS METHOD, SET EXPRESSION, "
            "CLUSTER, VACUUM FULL: danger on a large table, else a warning."
        ),
        effect="The whole table is copied under ACCESS EXCLUSIVE.",
        remedy="Do it in a maintenance window, or with a tool that copies in the background.",
        bad="ALTER TABLE terms SET UNLOGGED",
        good="ALTER TABLE terms SET (fillfactor = 90)",
        match=_rewrite,
    ),
    Rule(
        id="set-not-null",
        title="A table is searched for NULL under a lock",
        severity="danger",
        meaning=(
            "SET NOT NULL on a table over 10,000 rows (danger on a large one), and the revision "
            "validates no constraint that proves it."
        ),
        effect="The whole table is read under ACCESS EXCLUSIVE.",
        remedy="A CHECK that is validated before makes SET NOT NULL skip the search.",
        bad="ALTER TABLE terms ALTER COLUMN domain SET NOT NULL",
        good="ALTER TABLE terms ADD CONSTRAINT terms_domain_not_null CHECK (domain IS NOT NULL) "
        "NOT VALID",
        match=_not_null,
    ),
    Rule(
        id="constraint-validates",
        title="A constraint is checked while writers wait",
        severity="danger",
        meaning=(
            "A foreign key, CHECK or NOT NULL constraint without NOT VALID on a table over "
            "10,000 rows (danger on a large one)."
        ),
        effect="The whole table is read; meanwhile a foreign key lets nobody write either "
        "table, a CHECK lets nobody even read.",
        remedy=(
            "Add it NOT VALID (it holds for new rows at once), VALIDATE it in the next revision."
        ),
        bad="ALTER TABLE terms ADD CONSTRAINT terms_owner_fkey FOREIGN KEY (owner) REFERENCES "
        "users (id)",
        good="ALTER TABLE terms ADD CONSTRAINT terms_owner_fkey FOREIGN KEY (owner) REFERENCES "
        "users (id) NOT VALID",
        match=_validates,
    ),
    Rule(
        id="validate-same-transaction",
        title="A constraint is validated under the lock that added it",
        severity="warning",
        meaning="ADD CONSTRAINT ... NOT VALID and its VALIDATE are in one revision.",
        effect="VALIDATE alone lets everybody work; in the same transaction the lock of ADD "
        "CONSTRAINT is held all the while.",
        remedy="Two revisions.",
        bad="ALTER TABLE terms ADD CONSTRAINT short CHECK (length(name) < 99) NOT VALID;\n"
        "ALTER TABLE terms VALIDATE CONSTRAINT short",
        good="ALTER TABLE terms VALIDATE CONSTRAINT short",
        match=_same_transaction,
    ),
    Rule(
        id="unique-constraint-builds",
        title="A constraint builds its index under a lock",
        severity="danger",
        meaning=(
            "UNIQUE, PRIMARY KEY or EXCLUDE without USING INDEX on a table with rows: danger on "
            "a large one, a warning over 10,000 rows, else a note."
        ),
        effect="ACCESS EXCLUSIVE is held while the index is built: nobody reads or writes.",
        remedy="Build the index CONCURRENTLY, then add the constraint USING INDEX.",
        bad="ALTER TABLE terms ADD CONSTRAINT terms_name_key UNIQUE (name)",
        good="ALTER TABLE terms ADD CONSTRAINT terms_name_key UNIQUE USING INDEX terms_name_key",
        match=_unique,
    ),
)
