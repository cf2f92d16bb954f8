"""Diagnoses of what this role may do, and of what its sessions begin with."""

from __future__ import annotations

from collections.abc import Iterator

from .diagnosis import Diagnosis, Remedy, Sign
from .evidence import VersionTable
from .situation import Situation, of


def _no_schema(situation: Situation) -> Iterator[Sign]:
    server = of(situation.server)
    if server.schema is None:
        yield Sign(
            f"no schema of the search_path of {server.user} exists: new tables have no place",
            Remedy(
                "give the role a search_path.",
                sql=(
                    f"ALTER ROLE {server.user} IN DATABASE {server.database} "
                    "SET search_path = public",
                ),
            ),
        )


def _no_create(situation: Situation) -> Iterator[Sign]:
    server = of(situation.server)
    if server.schema is not None and not server.may_create:
        yield Sign(
            f"{server.user} may not create anything in schema {server.schema}, which belongs to "
            f"{server.schema_owner}",
            Remedy(
                f"migrate as {server.schema_owner}, or as that role or a superuser:",
                sql=(f"GRANT USAGE, CREATE ON SCHEMA {server.schema} TO {server.user}",),
            ),
        )


def _read_only(situation: Situation) -> Iterator[Sign]:
    server = of(situation.server)
    if server.settings.get("default_transaction_read_only") != "on" or server.standby:
        return
    yield Sign(
        f"every new transaction of {server.user} in {server.database} is read-only",
        Remedy(
            "ask why (a maintenance, a full disk); then, where it was set:",
            sql=(
                f"ALTER ROLE {server.user} IN DATABASE {server.database} "
                "SET default_transaction_read_only = off",
            ),
        ),
    )


def _not_owner(situation: Situation) -> Iterator[Sign]:
    server, seen = of(situation.server), set()
    for each in of(situation.pending).touched:
        if each.ours or each.table in seen:
            continue
        seen.add(each.table)
        yield Sign(
            f"{each.revision} alters {each.table}, which belongs to {each.owner}, and "
            f"{server.user} is not a member of that role",
            Remedy(
                f"migrate as {each.owner}, or as that role or a superuser:",
                sql=(f"GRANT {each.owner} TO {server.user}",),
            ),
        )


def _not_readable(situation: Situation) -> Iterator[Sign]:
    version = of(situation.version)
    if version.tracked and not version.may_read:
        yield _granted(situation, version, "read")


def _not_writable(situation: Situation) -> Iterator[Sign]:
    version = of(situation.version)
    if version.tracked and version.may_read and not version.may_write:
        yield _granted(situation, version, "write")


def _granted(situation: Situation, version: VersionTable, verb: str) -> Sign:
    user = of(situation.server).user
    return Sign(
        f"{user} may not {verb} {version.name}, which belongs to {version.owner}",
        Remedy(
            f"migrate as {version.owner}, or as that role or a superuser:",
            sql=(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {version.name} TO {user}",),
        ),
    )


ROWS = (
    Diagnosis(
        "version-not-readable",
        "The role may not read the version table",
        "danger",
        "certain",
        "The version table is there, and this role has no SELECT on it.",
        "has_table_privilege().",
        "GRANT SELECT, INSERT, UPDATE, DELETE.",
        _not_readable,
        ("42501",),
    ),
    Diagnosis(
        "version-not-writable",
        "The role may not write the version table",
        "danger",
        "certain",
        "This role has no INSERT, UPDATE or DELETE on the version table.",
        "has_table_privilege().",
        "GRANT SELECT, INSERT, UPDATE, DELETE.",
        _not_writable,
        ("42501",),
    ),
    Diagnosis(
        "create-not-allowed",
        "The role may not create tables",
        "danger",
        "certain",
        "The role has no CREATE on the schema where unqualified names go (since PostgreSQL 15 "
        "nobody but its owner has it on public).",
        "has_schema_privilege() for current_schema().",
        "GRANT USAGE, CREATE ON SCHEMA.",
        _no_create,
        ("42501",),
    ),
    Diagnosis(
        "not-owner",
        "A pending revision alters somebody else's table",
        "danger",
        "certain",
        "A pending revision alters or drops a table whose owner this role is no member of.",
        "The offline SQL of the pending revisions, and the tables' owners.",
        "Migrate as the owner, or GRANT its role.",
        _not_owner,
        ("42501",),
    ),
    Diagnosis(
        "no-schema",
        "The search_path leads nowhere",
        "danger",
        "certain",
        "current_schema() is null: no schema of the search_path exists.",
        "current_schema().",
        "Set the role's search_path.",
        _no_schema,
        ("3F000",),
    ),
    Diagnosis(
        "read-only-sessions",
        "New sessions are read-only",
        "danger",
        "certain",
        "default_transaction_read_only is on for this role, on a primary.",
        "pg_settings.reset_val.",
        "Switch it off where it was set.",
        _read_only,
        ("25006",),
    ),
)
