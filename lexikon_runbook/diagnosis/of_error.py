"""What the error means that the user pasted: by its SQLSTATE, never by its wording.

The names are those of PostgreSQL's appendix A, and psycopg's classes are named after them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .row import Diagnosis, Remedy, Sign
from .situation import Situation


class Meaning(NamedTuple):
    """One SQLSTATE: PostgreSQL's name for it, what it means in a migration, what to do."""

    name: str
    means: str
    then: str


MEANINGS = {
    "55P03": Meaning("lock_not_available", "a lock was not granted within lock_timeout",
                     "run again when the one in the way is gone; the deploy runbook names it."),
    "40P01": Meaning("deadlock_detected", "two sessions waited for each other",
                     "run again; the deploy runbook does by itself."),
    "57014": Meaning("query_canceled",
                     "a statement ran longer than statement_timeout, or somebody ended it",
                     "give the deploy a longer statement_timeout_s, or work in batches."),
    "42P07": Meaning("duplicate_table", "a table, index, view or sequence of that name exists",
                     "see the diagnoses of the version row: it may be behind."),
    "42710": Meaning("duplicate_object", "a type, constraint or role of that name exists",
                     "a downgrade may have left it."),
    "42701": Meaning("duplicate_column", "a column of that name exists",
                     "see the diagnoses of the version row: it may be behind."),
    "42P01": Meaning("undefined_table", "a table that is named does not exist",
                     "see the search_path, and whether the version row is ahead."),
    "42703": Meaning("undefined_column", "a column that is named does not exist",
                     "see whether the version row is ahead."),
    "42704": Meaning("undefined_object", "a type, index or role that is named does not exist",
                     "see whether the version row is ahead."),
    "42501": Meaning("insufficient_privilege", "this role may not do that",
                     "migrate as the owner of the tables, or GRANT."),
    "42601": Meaning("syntax_error", "PostgreSQL does not understand a statement",
                     "run.prove() shows the first statement that fails."),
    "3F000": Meaning("invalid_schema_name", "no schema to create in, or none of that name",
                     "set the role's search_path."),
    "25001": Meaning("active_sql_transaction", "the statement can't run inside a transaction",
                     "put it into op.get_context().autocommit_block()."),
    "25006": Meaning("read_only_sql_transaction", "the session, or the server, is read-only",
                     "point the target at the primary, and see default_transaction_read_only."),
    "25P02": Meaning("in_failed_sql_transaction", "an earlier statement failed: that is the cause",
                     "run.prove() shows the first statement that fails."),
    "25P03": Meaning("idle_in_transaction_session_timeout", "the session did nothing for too long",
                     "don't wait for anything else inside of a revision."),
    "22001": Meaning("string_data_right_truncation", "a text is too long for its column",
                     "shorten it; a revision id has at most 32 characters."),
    "2200H": Meaning("sequence_generator_limit_exceeded", "a sequence is at its end",
                     "widen it to bigint."),
    "23502": Meaning("not_null_violation", "a row has NULL where none may be",
                     "fill the column before it gets NOT NULL."),
    "23503": Meaning("foreign_key_violation", "a row points to one that does not exist",
                     "mend the rows, then add the key (NOT VALID, then VALIDATE)."),
    "23505": Meaning("unique_violation", "two rows have the same key",
                     "mend the rows before the index is built."),
    "23514": Meaning("check_violation", "a row breaks a CHECK",
                     "mend the rows, then add it (NOT VALID, then VALIDATE)."),
    "53100": Meaning("disk_full", "the server's disk is full",
                     "free it; SQL does not show how much is left."),
    "53300": Meaning("too_many_connections", "no connection is free",
                     "end idle sessions."),
    "57P01": Meaning("admin_shutdown", "somebody ended the session",
                     "see who did in the server's log, then run again."),
    "08001": Meaning("sqlclient_unable_to_establish_sqlconnection", "no connection was opened",
                     "see the first diagnosis."),
    "28000": Meaning("invalid_authorization_specification", "the server does not let this user in",
                     "see its pg_hba.conf."),
    "28P01": Meaning("invalid_password", "the password is wrong", "correct it in the variable."),
    "3D000": Meaning("invalid_catalog_name", "there is no such database", "correct its name."),
    "26000": Meaning("invalid_sql_statement_name", "a prepared statement is another session's",
                     "connect to PostgreSQL itself, not through a pooler."),
    "22003": Meaning("numeric_value_out_of_range", "a number is too large for its column",
                     "widen the column."),
    "42P06": Meaning("duplicate_schema", "a schema of that name exists",
                     "create it IF NOT EXISTS, or see who made it."),
    "42723": Meaning("duplicate_function", "a function with these arguments exists",
                     "write CREATE OR REPLACE, or see who made it."),
    "08006": Meaning("connection_failure", "the connection broke",
                     "see whether the server runs; then see where the database is."),
}  # fmt: skip
CODE = re.compile(r"\b[0-9][0-9A-Z]{4}\b")


def sqlstates(text: str) -> frozenset[str]:
    """The SQLSTATEs in a text: by number, by PostgreSQL's name, by a driver's class. Pure."""
    found = {code for code in CODE.findall(text) if code in MEANINGS}
    for code, meaning in MEANINGS.items():
        classes = "".join(word.capitalize() for word in meaning.name.split("_"))
        # With its module before it: Python has a SyntaxError of its own.
        if re.search(rf"\b{meaning.name}\b|\.{classes}(Error)?\b", text):
            found.add(code)
    return frozenset(found)


def _pasted(situation: Situation) -> Iterator[Sign]:
    names = situation.names
    for code in sorted(names.sqlstates):
        meaning = MEANINGS[code]
        yield Sign(f"{code} {meaning.name}: {meaning.means}", Remedy(meaning.then))


ROWS = (
    Diagnosis(
        id="pasted-error",
        title="What the error means",
        severity="note",
        likelihood="possible",
        condition=(
            "`error` holds a SQLSTATE, PostgreSQL's name of it, or a driver's class of that name."
        ),
        evidence="The parameter `error`.",
        remedy="As its meaning says; what explains it stands above, if anything does.",
        match=_pasted,
        errors=tuple(MEANINGS),
    ),
)
