"""Diagnoses of what was before: edited files, files that nobody else has, runs cut short."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from .diagnosis import Diagnosis, Remedy, Sign
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
                shell=(f"lexikon-runbook status --target {situation.names.target}",),
            ),
        )


ROWS = (
    Diagnosis(
        "edited-applied",
        "An applied revision was edited",
        "warning",
        "likely",
        "The file of a revision is not the one that a recorded run applied to this database.",
        "The checksums in the archive's records, the files, and git's history of them.",
        "Bring the file back, and put the change into a new revision.",
        _edited,
        runbook="create_migration",
    ),
    Diagnosis(
        "uncommitted-revision",
        "Revision files are not committed",
        "note",
        "possible",
        "git knows a revision file or env.py not at all, or in another form.",
        "git status of the script folder.",
        "Commit them.",
        _uncommitted,
        ("Can't locate revision identified by",),
    ),
    Diagnosis(
        "run-cut-short",
        "An earlier run was cut short",
        "note",
        "likely",
        "A record of this target says unfinished, and its process is gone.",
        "The archive.",
        "Run deploy or rollback again.",
        _cut_short,
        runbook="deploy",
    ),
)
