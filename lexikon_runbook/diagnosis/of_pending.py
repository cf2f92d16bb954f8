"""Diagnoses of what would run: objects that exist, and what a throwaway database showed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..plan.rules.rule import execute
from . import of_version
from .evidence import Made
from .proofs import Drifted, Match
from .row import Diagnosis, Remedy, Sign
from .situation import NotKnown, Situation, of

TYPES = ("enum", "domain", "composite", "range", "type")
DROPS = {"index": "INDEX", "view": "VIEW", "sequence": "SEQUENCE", "function": "FUNCTION"}


def _exists(situation: Situation) -> Iterator[Sign]:
    there: dict[str, list[Made]] = {}
    for made in of(situation.pending).made:
        if made.there and made.kind == "type" and not made.used:
            yield Sign(
                f"{made.file} creates {made.kind} {made.name}, which exists, and no column uses it",
                Remedy("a downgrade left it. Drop it:", sql=(_drop(made.name),)),
                # Its revision may ask first whether it is there (checkfirst).
                likelihood="likely",
            )
        elif made.there:
            there.setdefault(made.revision, []).append(made)
    for revision, objects in there.items():
        yield _existing(situation, revision, objects)


def _existing(situation: Situation, revision: str, objects: Sequence[Made]) -> Sign:
    named = ", ".join(f"{made.kind} {made.name}" for made in objects)
    seen = f"{objects[0].file} creates {named}: there already"
    match = situation.match
    if isinstance(match, Match) and any(revision in state for state in match.exact[-1:]):
        remedy = of_version.stamped(situation, match)
        return Sign(f"{seen}. {of_version.proof(match)}", remedy)
    words = (
        "see whether it is the same: then somebody ran this by hand, and the version row is behind "
        "(run.prove() says which revision is there). Otherwise rename one."
    )
    inspect = situation.names.target.run("inspect_schema")
    return Sign(seen, Remedy(words, shell=(inspect,)))


def _drop(type_: str) -> str:
    return f"DROP TYPE {type_}"


def _another(situation: Situation) -> Iterator[Sign]:
    version, match = of(situation.version), of(situation.match)
    if match.stopped and not match.exact:
        raise NotKnown(f"not all revisions could be built: {match.stopped}")
    named = ", ".join(sorted(version.ids))
    if not version.tracked or not match.exact or (named or "base") in match.exact:
        return
    hides = "a migration will fail on what exists, or one that is missing is never run"
    yield Sign(
        f"{version.name} says {named or 'base'}. {of_version.proof(match)}: {hides}",
        of_version.stamped(situation, match),
    )


def _drift(situation: Situation) -> Iterator[Sign]:
    match, version = of(situation.match), of(situation.version)
    if match.exact or not version.tracked:
        return
    drift = of(situation.drift)
    rest = [each for each in drift if not _left_type(each)]
    if rest:
        shown = "\n".join(each.line for each in rest[:10])
        more = f"\nand {len(rest) - 10} more" if len(rest) > 10 else ""
        yield Sign(
            f"the schema differs from what the migrations alone produce:\n{shown}{more}",
            Remedy(
                "see all of it; then undo what was done by hand, or write it as a migration:",
                shell=(situation.names.target.run("inspect_schema"),),
            ),
        )


def _left_type(each: Drifted) -> bool:
    return each.sign == "+" and each.kind in TYPES


def _types_left(situation: Situation) -> Iterator[Sign]:
    match, version = of(situation.match), of(situation.version)
    if match.exact or not version.tracked:
        return
    for each in of(situation.drift):
        if _left_type(each):
            yield Sign(
                f"{each.kind} {each.name} exists, and the migrations up to here leave none of that "
                "name: the upgrade that creates it fails",
                Remedy(
                    "drop it, if no column uses it (DROP TYPE refuses otherwise):",
                    sql=(_drop(each.name),),
                ),
            )


def _fails(situation: Situation) -> Iterator[Sign]:
    trial = of(situation.trial)
    if trial.failed:
        yield Sign(
            f"{trial.failed} fails on a throwaway database too: {trial.happened}",
            Remedy(f"mend {trial.file}; then prove it again, here, on a throwaway database."),
        )


def _not_back(situation: Situation) -> Iterator[Sign]:
    trial = of(situation.trial)
    for left in trial.left:
        undo = [execute(sql) for sql in map(_undoing, left.changes) if sql]
        yield Sign(
            f"{left.file}: after up and down again, the schema differs:\n"
            + "\n".join(change.line for change in left.changes[:10]),
            Remedy(
                "let downgrade() undo all that upgrade() does, last thing first"
                + (". At its end:\n    " + "\n    ".join(undo) if undo else ".")
            ),
        )
    for revision, file, happened in trial.stuck:
        yield Sign(
            f"{file}: {happened}",
            Remedy(f"mend downgrade() of {revision}: a rollback stops there."),
        )


def _undoing(change: Drifted) -> str:
    """The SQL that drops what a downgrade left, where the name says it all."""
    if change.sign != "+":
        return ""
    if change.kind in TYPES:
        return _drop(change.name)
    if change.kind in ("column", "constraint") and '"' not in change.name:
        table, _, part = change.name.rpartition(".")
        return f"ALTER TABLE {table} DROP {change.kind.upper()} {part}"
    kind = "TABLE" if change.kind == "table" else DROPS.get(change.kind, "")
    return f"DROP {kind} {change.name}" if kind else ""


def _models(situation: Situation) -> Iterator[Sign]:
    changes = of(situation.models)
    if changes:
        shown = "\n".join(changes[:10])
        more = f"\nand {len(changes) - 10} more" if len(changes) > 10 else ""
        yield Sign(
            f"after all revisions, the models still differ:\n{shown}{more}",
            Remedy("write the revision that is missing, by create_migration."),
        )


ROWS = (
    Diagnosis(
        id="already-exists",
        title="A pending revision creates what exists",
        severity="danger",
        likelihood="certain",
        condition=(
            "A table, index, type, column, view or sequence that a pending revision creates is "
            "there."
        ),
        evidence="The offline SQL of the pending revisions, and the catalogs.",
        remedy="Drop a type that was left behind; else compare, and stamp what is proved.",
        match=_exists,
        errors=("42P07", "42710", "42701", "42P06", "42723"),
        runbook="inspect_schema",
    ),
    Diagnosis(
        id="matches-another-revision",
        title="The tables are those of another revision than the version row says",
        severity="danger",
        likelihood="certain",
        condition=(
            "The catalog is not what the migrations produce at the version row, and exactly "
            "what they produce at another revision: a stamp that was not true."
        ),
        evidence="Each revision built on a throwaway database, and complete catalogs compared.",
        remedy="alembic stamp, with the revision that the catalog is proved to be.",
        match=_another,
        errors=("42P07", "42P01", "42703", "42701"),
        runbook="inspect_schema",
        proof=True,
    ),
    Diagnosis(
        id="schema-drift",
        title="The schema was changed by hand",
        severity="warning",
        likelihood="likely",
        condition="The catalog is that of no revision, and differs from that of the version row.",
        evidence="The migrations built on a throwaway database, and complete catalogs compared.",
        remedy="Undo the change, or write it as a migration.",
        match=_drift,
        errors=("42P07", "42P01", "42703", "42701"),
        runbook="inspect_schema",
        proof=True,
    ),
    Diagnosis(
        id="type-remains",
        title="A type is left behind by a downgrade",
        severity="danger",
        likelihood="likely",
        condition="A type exists that the migrations up to the version row leave none of.",
        evidence="The migrations built on a throwaway database, and complete catalogs compared.",
        remedy="DROP TYPE.",
        match=_types_left,
        errors=("42710",),
        proof=True,
    ),
    Diagnosis(
        id="pending-fails",
        title="A pending revision fails",
        severity="danger",
        likelihood="certain",
        condition="A pending revision fails on a throwaway database that the migrations built.",
        evidence="The pending revisions run on it one by one; the first statement that failed.",
        remedy="Mend the revision.",
        match=_fails,
        runbook="create_migration",
        proof=True,
    ),
    Diagnosis(
        id="downgrade-not-inverse",
        title="A downgrade does not undo its upgrade",
        severity="warning",
        likelihood="likely",
        condition=(
            "After up and down again the catalog is another, or the way down or up again fails."
        ),
        evidence="The pending revisions run up, down and up again on a throwaway database.",
        remedy="Complete downgrade().",
        match=_not_back,
        runbook="create_migration",
        proof=True,
    ),
    Diagnosis(
        id="models-ahead",
        title="The models say more than the revisions",
        severity="note",
        likelihood="possible",
        condition=(
            "After all revisions, Alembic's comparison with the models of env.py finds differences."
        ),
        evidence="A throwaway database at the head, and env.py's target_metadata.",
        remedy="Write the revision that is missing.",
        match=_models,
        errors=("New upgrade operations detected",),
        runbook="create_migration",
        proof=True,
    ),
)
