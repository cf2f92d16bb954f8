"""Diagnoses of the revision files, as text."""

from __future__ import annotations

import difflib
import graphlib
import shlex
from collections.abc import Iterator

from .evidence import Checkout, File, VersionTable
from .row import Diagnosis, Edit, Remedy, Sign
from .situation import Situation, Unknown, of

LONGEST = 32  # what Alembic makes of alembic_version.version_num: varchar(32)
WIDE = 255


def _syntax(situation: Situation) -> Iterator[Sign]:
    for file in of(situation.checkout).files:
        if file.broken:
            where = f"{file.path}:{file.broken_line}" if file.broken_line else file.path
            yield Sign(
                f"{where}: {file.broken}",
                Remedy(
                    f"mend {where}; this then says nothing:",
                    shell=(f"python -m py_compile {shlex.quote(file.path)}",),
                ),
            )


def _missing_module(situation: Situation) -> Iterator[Sign]:
    for path, line, module in of(situation.checkout).missing:
        yield Sign(
            f"{path}:{line} imports {module}, which the project's Python does not have",
            Remedy(
                "install it (its package may have another name), in the environment that runs "
                "alembic:",
                shell=(situation.names.target.pip(f"install {module}"),),
            ),
        )


def _duplicates(situation: Situation) -> Iterator[Sign]:
    checkout = of(situation.checkout)
    first: dict[str, File] = {}
    for file in checkout.files:
        if file.id and file.id in first:
            yield _duplicate(checkout, first[file.id], file)
        first.setdefault(file.id, file)


def _duplicate(checkout: Checkout, one: File, other: File) -> Sign:
    new = _free_id(checkout, other.id)
    return Sign(
        f"revision {one.id} is in {one.path} and in {other.path}",
        Remedy(
            f"delete the one that is a copy; when both are needed, give the later one an id of "
            f"its own, and its place after {one.id}:",
            edits=(
                Edit(other.path, other.id_line, f'{other.id_start}"{new}"'),
                *(
                    [Edit(other.path, other.down_line, f'{other.down_start}"{one.id}"')]
                    if other.down_line
                    else []
                ),
            ),
        ),
    )


def _free_id(checkout: Checkout, id_: str) -> str:
    """An id of the same length that no file has."""
    taken = {file.id for file in checkout.files}
    tries = (f"{id_[: LONGEST - 2]}{n:x}" for n in range(2, 255))
    return next(text for text in tries if text not in taken)


def _missing_parents(situation: Situation) -> Iterator[Sign]:
    checkout = of(situation.checkout)
    ids = [file.id for file in checkout.files if file.id]
    for file in checkout.files:
        for parent in file.down:
            if not any(id_.startswith(parent) for id_ in ids):
                yield Sign(
                    f"{file.path}:{file.down_line} follows {parent}, and no file has that revision",
                    _bring_back(situation, checkout, file, parent),
                )


def _bring_back(situation: Situation, checkout: Checkout, file: File, parent: str) -> Remedy:
    git = situation.git
    if not isinstance(git, Unknown) and parent in git.commits:
        commit, path = git.commits[parent]
        return Remedy(
            f"bring its file back from commit {commit}:",
            shell=(f"git checkout {commit} -- {shlex.quote(path)}",),
        )
    ids = [other.id for other in checkout.files if other.id != file.id]
    near = difflib.get_close_matches(parent, ids, 1, 0.7)
    if near and len(file.down) == 1 and file.down_line:
        edit = Edit(file.path, file.down_line, f'{file.down_start}"{near[0]}"')
        return Remedy(f"when {near[0]} is meant:", edits=(edit,))
    return Remedy(
        "get the file from whoever wrote it; this finds a commit that has it:",
        shell=(f"git log --all --oneline -S{shlex.quote(parent)}",),
    )


def _cycle(situation: Situation) -> Iterator[Sign]:
    checkout = of(situation.checkout)
    parents = {file.id: file.down for file in checkout.files if file.id}
    found = _circle(parents)
    if not found:
        return
    files = [file for id_ in found if (file := checkout.file(id_))]
    first = min(files, key=lambda file: (file.created or "~", file.path))
    outside = [p for p in first.down if p not in found]
    value = f'"{outside[0]}"' if outside else "None"
    yield Sign(
        f"each follows the next, in a circle: {' -> '.join([*found, found[0]])}",
        Remedy(
            f"correct the `down_revision` that is wrong. {first.id} is the oldest of them"
            + (f" (created {first.created})" if first.created else " by its name")
            + "; when it comes first:",
            edits=(Edit(first.path, first.down_line, f"{first.down_start}{value}"),),
        ),
    )


def _circle(parents: dict[str, tuple[str, ...]]) -> list[str]:
    """A circle in the graph, each followed by the one that it follows; or nothing."""
    try:
        graphlib.TopologicalSorter(parents).prepare()
    except graphlib.CycleError as error:
        found: list[str] = error.args[1]
        return found[:0:-1]
    return []


def _long_ids(situation: Situation) -> Iterator[Sign]:
    checkout, version, graph = of(situation.checkout), of(situation.version), situation.graph
    if version.width is None:
        return
    behind = {} if isinstance(graph, Unknown) else graph.behind
    widening = {file.id for file in checkout.files if file.widens}
    applied = frozenset(version.ids).union(*(behind.get(id_, ()) for id_ in version.ids))
    for file in checkout.files:
        # One before it that speaks of the column may make it wide enough.
        late = file.id in applied or widening & behind.get(file.id, frozenset())
        if len(file.id) > version.width and not late:
            yield Sign(
                f"{file.path}:{file.id_line}: revision {file.id} has {len(file.id)} characters, "
                f"and version_num of {version.name} holds {version.width}",
                _room(checkout, version, file, version.width),
            )


def _room(checkout: Checkout, version: VersionTable, file: File, width: int) -> Remedy:
    """A wider column where the table is there; else a shorter id, which nobody has applied."""
    if version.tracked:
        wide = max(WIDE, len(file.id))
        return Remedy(
            "make the column wide enough; or, where the revision is applied nowhere yet, give it a "
            "shorter id, also in `down_revision` of what follows it.",
            sql=(f"ALTER TABLE {version.name} ALTER COLUMN version_num TYPE varchar({wide})",),
        )
    short = file.id[:width].rstrip("_-")
    edits = [Edit(file.path, file.id_line, f'{file.id_start}"{short}"')]
    edits += [
        Edit(child.path, child.down_line, f'{child.down_start}"{short}"')
        for child in checkout.files
        if child.down == (file.id,) and child.down_line
    ]
    return Remedy("shorten it, here and in what follows it:", edits=tuple(edits))


def _swallowed(situation: Situation) -> Iterator[Sign]:
    pending = of(situation.pending)
    for file in of(situation.checkout).files:
        for line, text in file.swallows:
            if file.id in pending.ids:
                yield Sign(
                    f"{file.path}:{line}: `{text}` lets {file.id} go on after a database error",
                    Remedy(
                        "let the error through: PostgreSQL refuses what follows it (25P02), and "
                        "what came before is lost when it is rolled back. To allow for one "
                        "statement to fail, put it into `with op.get_bind().begin_nested():`."
                    ),
                )


ROWS = (
    Diagnosis(
        id="syntax-error",
        title="A revision file is not Python",
        severity="danger",
        likelihood="certain",
        condition="A revision file can't be parsed.",
        evidence="The text of every revision file.",
        remedy="Mend the line; python -m py_compile says whether it is mended.",
        match=_syntax,
        errors=("SyntaxError", "IndentationError"),
    ),
    Diagnosis(
        id="missing-module",
        title="A module that a revision or env.py imports is not installed",
        severity="danger",
        likelihood="certain",
        condition=(
            "A revision file or env.py could not be run, and imports what this Python does not "
            "have."
        ),
        evidence="The imports in the files, looked for on the paths that alembic would have.",
        remedy="Install it where alembic runs.",
        match=_missing_module,
        errors=("ModuleNotFoundError", "ImportError"),
    ),
    Diagnosis(
        id="duplicate-revision",
        title="Two files have the same revision id",
        severity="danger",
        likelihood="certain",
        condition="Two revision files assign the same `revision`.",
        evidence="The text of every revision file.",
        remedy="Delete the copy, or give one of them an id and a place of its own.",
        match=_duplicates,
        errors=("is present more than once",),
    ),
    Diagnosis(
        id="missing-parent",
        title="A revision follows one that is not there",
        severity="danger",
        likelihood="certain",
        condition="`down_revision` names a revision that no file has.",
        evidence="The text of every revision file; git's history, where there is git.",
        remedy="Bring the file back from git, or correct `down_revision`.",
        match=_missing_parents,
        errors=("is not present", "Can't locate revision identified by"),
    ),
    Diagnosis(
        id="revision-cycle",
        title="The revisions go in a circle",
        severity="danger",
        likelihood="certain",
        condition="Following `down_revision` leads back to where it began.",
        evidence="The text of every revision file.",
        remedy="Correct one `down_revision`.",
        match=_cycle,
        errors=("Cycle is detected", "Loop is detected"),
    ),
    Diagnosis(
        id="revision-id-too-long",
        title="A revision id does not fit into the version table",
        severity="danger",
        likelihood="certain",
        condition=(
            "A revision that is not applied has a longer id than the version table's column holds."
        ),
        evidence="The text of every revision file, and the column's own width (Alembic makes it "
        f"{LONGEST}, some projects another).",
        remedy="Widen the column, or shorten the id, also in `down_revision` of what follows it.",
        match=_long_ids,
        errors=("22001",),
    ),
    Diagnosis(
        id="error-swallowed",
        title="A pending revision goes on after an error",
        severity="warning",
        likelihood="likely",
        condition="A pending revision catches a database error without a savepoint.",
        evidence="The Python of the pending revisions.",
        remedy="Let the error through, or use a savepoint.",
        match=_swallowed,
        errors=("25P02",),
        runbook="create_migration",
    ),
)
