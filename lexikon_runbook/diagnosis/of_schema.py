"""Diagnoses of the schema and of this role's rights in it."""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import Sequence
from .row import Diagnosis, Remedy, Sign
from .situation import NotKnown, Situation, of

BIGINT = 2**63 - 1
NEAR_END, AT_END = 80.0, 95.0  # percent
MUCH_BYTES = 1024**3


def _invalid(situation: Situation) -> Iterator[Sign]:
    for index in of(situation.schema).invalid:
        if index.being_built:
            yield Sign(
                f"{index.name} on {index.table} is INVALID, and a session builds it now",
                Remedy(
                    "wait until it is built. How far it is:",
                    sql=(
                        "SELECT phase, blocks_done, blocks_total "
                        "FROM pg_stat_progress_create_index",
                    ),
                ),
                "note",
            )
            continue
        yield Sign(
            f"{index.name} on {index.table} is INVALID: every write keeps it up, no query uses it",
            Remedy(
                "drop it and build it again, or build it anew in its place "
                f"(REINDEX INDEX CONCURRENTLY {index.name}).",
                sql=(f"DROP INDEX CONCURRENTLY {index.name}",),
            ),
        )


def _unvalidated(situation: Situation) -> Iterator[Sign]:
    for constraint in of(situation.schema).unvalidated:
        yield Sign(
            f"constraint {constraint.name} of {constraint.table} is NOT VALID",
            Remedy(
                "check the rows; readers and writers go on meanwhile.",
                sql=(f"ALTER TABLE {constraint.table} VALIDATE CONSTRAINT {constraint.name}",),
            ),
        )


def _sequences(situation: Situation) -> Iterator[Sign]:
    found = of(situation.sequences)
    for sequence in found.near:
        fills = f", which fills {sequence.table}.{sequence.column}" if sequence.column else ""
        yield Sign(
            f"sequence {sequence.name} is at {sequence.last:,} of {sequence.most:,} "
            f"({sequence.percent:.0f} %){fills}",
            Remedy(
                "widen it by a migration. ALTER COLUMN TYPE rewrites the table under ACCESS "
                "EXCLUSIVE: on a large one add a bigint column, fill it in batches, and swap.",
                sql=tuple(_wider(sequence)),
            ),
            "danger" if sequence.percent >= AT_END else "warning",
        )
    if found.unread:
        more = (
            f", and {len(found.unread) - 1} more (see inspect_schema)" if found.unread[1:] else ""
        )
        raise NotKnown(f"{found.unread[0]}{more}")


def _wider(sequence: Sequence) -> Iterator[str]:
    if sequence.column_type in ("smallint", "integer"):
        yield f"ALTER TABLE {sequence.table} ALTER COLUMN {sequence.column} TYPE bigint"
    if sequence.most < BIGINT:
        yield f"ALTER SEQUENCE {sequence.name} AS bigint NO MAXVALUE"


def _slots(situation: Situation) -> Iterator[Sign]:
    for slot in of(situation.server).slots:
        if slot.bytes < MUCH_BYTES:
            continue
        yield Sign(
            f"replication slot {slot.name} has no reader and keeps "
            f"{slot.bytes / 1024**3:.1f} GB of WAL on the server's disk",
            Remedy(
                "start its reader again; when there is none any more:",
                sql=(f"SELECT pg_drop_replication_slot({slot.name})",),
            ),
        )


ROWS = (
    Diagnosis(
        id="invalid-index",
        title="An index is INVALID",
        severity="warning",
        likelihood="likely",
        condition=(
            "A CREATE INDEX CONCURRENTLY failed and left its index. A note while it is being built."
        ),
        evidence="pg_index.indisvalid, pg_stat_progress_create_index, pg_locks.",
        remedy="Drop it CONCURRENTLY, or REINDEX CONCURRENTLY.",
        match=_invalid,
        errors=("42P07",),
        runbook="inspect_schema",
    ),
    Diagnosis(
        id="sequence-near-end",
        title="A sequence is near its end",
        severity="warning",
        likelihood="possible",
        condition=(
            f"A sequence has used {NEAR_END:.0f} % of what it, or the column that it fills, can "
            f"hold; "
            f"danger from {AT_END:.0f} % on."
        ),
        evidence="pg_sequence and the types of the columns that it fills.",
        remedy="Widen column and sequence to bigint.",
        match=_sequences,
        errors=("2200H", "22003"),
        runbook="create_migration",
    ),
    Diagnosis(
        id="replication-slot",
        title="A replication slot fills the disk",
        severity="warning",
        likelihood="possible",
        condition=f"A slot that nobody reads keeps over {MUCH_BYTES // 1024**3} GB of WAL.",
        evidence="pg_replication_slots.",
        remedy="Start its reader, or drop it.",
        match=_slots,
        errors=("53100",),
    ),
    Diagnosis(
        id="constraint-not-validated",
        title="A constraint was never checked",
        severity="note",
        likelihood="possible",
        condition="A constraint is NOT VALID: rows from before it may break it.",
        evidence="pg_constraint.convalidated.",
        remedy="ALTER TABLE ... VALIDATE CONSTRAINT.",
        match=_unvalidated,
        errors=("23503", "23514"),
        runbook="inspect_schema",
    ),
)
