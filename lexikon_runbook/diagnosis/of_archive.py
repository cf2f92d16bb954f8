"""Diagnoses of what was before: edited files, files that nobody else has, runs cut short."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from .row import Diagnosis, Remedy, Sign
from .situation import Situation, of


def _edited(situation: Situation) -> Iterator[Sign]:
    for each in of(situation.edited):
        path = shlex.quote(each.file)
        if each.commit:
            diff = f"git diff {each.commit} -- {path} > {path}.patch"
            shell: tuple[str, ...] = (diff, f"git checkout {each.commit} -- {path}")
            words = (
                f"commit {each.commit} has the file as it was applied; keep the change, bring the "
                "file back, and "
            )
        else:
            shell, words = (f"git log -p -- {path}",), "see what was changed, undo it, and "
        yield Sign(
            f"{each.file} is not the file that was applied on {each.applied} UTC",
            Remedy(words + "put the change into a new revision:", shell=shell),
        )


def _uncommitted(situation: Situation) -> Iterator[Sign]:
    git = of(situation.git)
    if git.uncommitted:
        paths = " ".join(map(shlex.quote, git.uncommitted))
        yield Sign(
            f"not committed: {', '.join(git.uncommitted)}. Whoever deploys from another checkout "
            "lacks it, or has another",
            Remedy(
                "commit them, or stash them:",
                shell=(f'git add {paths} && git commit -m "Add migrations"',),
            ),
        )


def _cut_short(situation: Situation) -> Iterator[Sign]:
    for words in of(situation.interrupted):
        yield Sign(
            words,
            Remedy(
                "its transaction is gone with it. See where the database is; the next deploy or "
                "rollback closes its record and goes on from there.",
                shell=(situation.names.target.verb("status"),),
            ),
        )


ROWS = (
    Diagnosis(
        id="edited-applied",
        title="An applied revision was edited",
        severity="warning",
        likelihood="likely",
        condition=(
            "The file of a revision is not the one that a recorded run applied to this database."
        ),
        evidence="The checksums in the archive's records, the files, and git's history of them.",
        remedy="Bring the file back, and put the change into a new revision.",
        match=_edited,
        runbook="create_migration",
    ),
    Diagnosis(
        id="uncommitted-revision",
        title="Revision files are not committed",
        severity="note",
        likelihood="possible",
        condition="git knows a revision file or env.py not at all, or in another form.",
        evidence="git status of the script folder.",
        remedy="Commit them.",
        match=_uncommitted,
        errors=("Can't locate revision identified by",),
    ),
    Diagnosis(
        id="run-cut-short",
        title="An earlier run was cut short",
        severity="note",
        likelihood="likely",
        condition="A record of this target says unfinished, and its process is gone.",
        evidence="The archive.",
        remedy="Run deploy or rollback again.",
        match=_cut_short,
        runbook="deploy",
    ),
)
