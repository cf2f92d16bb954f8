"""Diagnoses of what this role may do, and of what its sessions begin with."""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import VersionTable
from .row import Diagnosis, Remedy, Sign
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
        id="version-not-readable",
        title="The role may not read the version table",
        severity="danger",
        likelihood="certain",
        condition="The version table is there, and this role has no SELECT on it.",
        evidence="has_table_privilege().",
        remedy="GRANT SELECT, INSERT, UPDATE, DELETE.",
        match=_not_readable,
        errors=("42501",),
    ),
    Diagnosis(
        id="version-not-writable",
        title="The role may not write the version table",
        severity="danger",
        likelihood="certain",
        condition="This role has no INSERT, UPDATE or DELETE on the version table.",
        evidence="has_table_privilege().",
        remedy="GRANT SELECT, INSERT, UPDATE, DELETE.",
        match=_not_writable,
        errors=("42501",),
    ),
    Diagnosis(
        id="create-not-allowed",
        title="The role may not create tables",
        severity="danger",
        likelihood="certain",
        condition=(
            "The role has no CREATE on the schema where unqualified names go (since PostgreSQL "
            "15 nobody but its owner has it on public)."
        ),
        evidence="has_schema_privilege() for current_schema().",
        remedy="GRANT USAGE, CREATE ON SCHEMA.",
        match=_no_create,
        errors=("42501",),
    ),
    Diagnosis(
        id="not-owner",
        title="A pending revision alters somebody else's table",
        severity="danger",
        likelihood="certain",
        condition=(
            "A pending revision alters or drops a table whose owner this role is no member of."
        ),
        evidence="The offline SQL of the pending revisions, and the tables' owners.",
        remedy="Migrate as the owner, or GRANT its role.",
        match=_not_owner,
        errors=("42501",),
    ),
    Diagnosis(
        id="no-schema",
        title="The search_path leads nowhere",
        severity="danger",
        likelihood="certain",
        condition="current_schema() is null: no schema of the search_path exists.",
        evidence="current_schema().",
        remedy="Set the role's search_path.",
        match=_no_schema,
        errors=("3F000",),
    ),
    Diagnosis(
        id="read-only-sessions",
        title="New sessions are read-only",
        severity="danger",
        likelihood="certain",
        condition="default_transaction_read_only is on for this role, on a primary.",
        evidence="pg_settings.reset_val.",
        remedy="Switch it off where it was set.",
        match=_read_only,
        errors=("25006",),
    ),
)
