"""The revision graph of a checkout: heads, order, checksums, and what a name means in it.

Reads the revision files only; what a database is at comes from `version`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import checkout
from .checkout import broken
from .errors import NOTHING_CHANGED, UnknownRevision
from .settings import Target

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

Direction = Literal["upgrade", "downgrade"]
LONGEST = 32  # alembic_version.version_num is varchar(32)
# Alembic forbids @, + and - in an id, and reads a : as a range.
WORD = re.compile(r"[^\s@:+-]+|[+-][0-9]{1,4}")
PLACES = ("head", "heads", "base")


@dataclass(frozen=True)
class Revision:
    """One revision file."""

    id: str
    down: tuple[str, ...]
    file: Path
    message: str
    checksum: str
    depends: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The revisions that come before it, by `down_revision` or by `depends_on`."""
        return (*self.down, *self.depends)

    @property
    def source(self) -> str:
        """The file's text."""
        return self.file.read_text(encoding="utf-8")


@dataclass(frozen=True)
class History:
    """All revisions of a checkout."""

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    target: Target

    @cached_property
    def script(self) -> ScriptDirectory:
        """Alembic's own graph of the same files, each imported. Raises HistoryError."""
        return read(self.target).script

    def revision(self, id_: str) -> Revision:
        """The revision with exactly that id."""
        return next(r for r in self.revisions if r.id == id_)

    def named(self, text: str) -> Revision:
        """The revision that a user names by its id, or by the beginning of it. Pure.

        Raises UnknownRevision.
        """
        return self.revision(self._id(_word(text)))

    def __contains__(self, id_: object) -> bool:
        return any(r.id == id_ for r in self.revisions)

    def ancestors(self, ids: Iterable[str]) -> frozenset[str]:
        """These revisions and all that they follow or depend on. Pure."""
        found: set[str] = set()
        to_see = list(ids)
        while to_see:
            id_ = to_see.pop()
            if id_ not in found:
                found.add(id_)
                to_see += self.revision(id_).needs
        return frozenset(found)

    def steps(self, direction: Direction, destination: str, current: str) -> list[Any]:
        """Alembic's migration steps from `current` to `destination`, in the order they run.

        Pure. Raises UnknownRevision when there is no such way, and HistoryError for a revision
        on it that lacks the function.
        """
        text = self._resolved(destination)
        _right_way(direction, text)
        if (
            direction == "upgrade"
            and text in ("head", "heads", current)
            and self.heads == (current,)
        ):
            return []
        from alembic.util.exc import CommandError

        try:
            rows: Any = (current,) if current else ()  # as Alembic's own commands pass them
            if direction == "upgrade":
                steps = list(self.script._upgrade_revs(text, rows))
            else:
                steps = list(self.script._downgrade_revs(text, rows))
        except CommandError as error:
            raise self._no_way(direction, destination, current, str(error)) from error
        except AttributeError as error:  # Alembic takes the function off each module
            if error.name != direction:
                raise
            raise broken(
                f"{vars(error.obj)['__file__']} has no function {direction}().",
                f"write it; where there is nothing to do: def {direction}() -> None: pass",
            ) from None
        if not steps and text not in (*PLACES, current):
            raise self._no_way(direction, destination, current, "it lies the other way")
        return steps

    def direction(self, destination: str, current: str) -> Direction:
        """Whether a revision lies ahead of `current` or behind it. Pure.

        Raises UnknownRevision for what is no revision.
        """
        text = self._resolved(destination)
        back = text == "base" or text.startswith("-")
        return "downgrade" if back or text in self._behind(current) else "upgrade"

    def _behind(self, current: str) -> list[str]:
        """The revisions under `current`, the nearest first."""
        if not current:
            return []
        return [r.revision for r in self.script.iterate_revisions(current, "base")][1:]

    def step(self, direction: Direction, id_: str) -> Any:
        """Alembic's migration step for exactly this revision. Pure."""
        from alembic.runtime.migration import MigrationStep

        script = self.script.get_revision(id_)
        if direction == "upgrade":
            return MigrationStep.upgrade_from_script(self.script.revision_map, script)
        return MigrationStep.downgrade_from_script(self.script.revision_map, script)

    def _resolved(self, destination: str) -> str:
        """What a user wrote, an abbreviated id in full."""
        text = _word(destination)
        return text if text in PLACES or text.startswith(("+", "-")) else self._id(text)

    def _id(self, text: str) -> str:
        found = [r.id for r in self.revisions if r.id == text] or [
            r.id for r in self.revisions if r.id.startswith(text)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise _refuse(
                f"revision {text!r} is ambiguous: {', '.join(found)}.",
                "give more characters of the one you mean.",
            )
        near = difflib.get_close_matches(text, [r.id for r in self.revisions], 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _refuse(
            f"there is no revision {text!r} in {self.script.dir}{hint}",
            "`alembic history` lists the revisions of this checkout; a newer checkout may have it.",
        )

    def _no_way(
        self, direction: Direction, destination: str, current: str, why: str
    ) -> UnknownRevision:
        behind = self._behind(current)
        ahead = [r.id for r in self.revisions if r.id not in (*behind, current)]
        there, way, other = (ahead, "after", "rollback")
        if direction == "downgrade":
            there, way, other = ([*behind, "base"], "before", "deploy")
        choice = f"choose one {way} it ({', '.join(there[:5])})" if there else f"none is {way} it"
        return _refuse(
            f"{direction} from {current or 'base'} to {destination!r} is not possible: "
            f"{why.rstrip('.')}.",
            f"{choice}, or run {other}.ipynb to go the other way.",
        )


def rows_after(step: Any, rows: frozenset[str]) -> frozenset[str]:
    """The version rows after a step, given those before it. Pure.

    As Alembic keeps them: a merge replaces its parents, and undoing a merge brings back
    the parents that no other row descends from.
    """
    revision = step.revision.revision
    if step.is_upgrade:
        return rows - set(step.from_revisions) | {revision}
    return rows - {revision} | set(step._unmerge_to_revisions(rows))


def named(rows: Iterable[str]) -> str:
    """Version rows in words. Pure."""
    return ", ".join(sorted(filter(None, rows))) or "base"


def read(target: Target) -> History:
    """The checkout's revisions. Reads files only.

    Raises HistoryError for a missing ini, a syntax error (file:line), duplicate ids,
    missing parents and a file that can't be imported.
    """
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    from . import environment

    config = environment.config_for(target)
    with environment.surroundings(target):
        try:
            script = ScriptDirectory.from_config(config)
            files = list(checkout.files(script))
        except CommandError as error:
            raise broken(target.mask(str(error)), "mend script_location in the ini.") from error
        checkout.check(files)
        return _walk(target, script, files)


def _walk(target: Target, script: ScriptDirectory, files: Sequence[Path]) -> History:
    from alembic.script.revision import RevisionError
    from alembic.util.exc import CommandError

    try:
        ordered = [_revision(s) for s in script.walk_revisions()][::-1]
        found = History(tuple(ordered), tuple(script.get_heads()), target)
        vars(found)["script"] = script
        return found
    except (CommandError, RevisionError) as error:
        happened = target.mask(str(error))
        raise broken(happened, "`alembic history` must be able to read them, too.") from error
    except (Exception, SystemExit) as error:
        said = target.mask(f"{type(error).__name__}: {error}")
        raise broken(
            f"{checkout.line_in(files, error)}a revision file can't be imported: {said}.",
            "mend it; `alembic history` must be able to read it, too.",
        ) from None


def _revision(script: Any) -> Revision:
    down = script.down_revision
    parents = (down,) if isinstance(down, str) else tuple(down or ())
    file = Path(script.path)
    message = (script.doc or "").splitlines()[0] if script.doc else ""
    sum_ = checkout.checksum(file.read_bytes())
    depends = tuple(script._resolved_dependencies)
    return Revision(script.revision, parents, file, message, sum_, depends)


def require_one_head(history: History) -> None:
    """Refuse a checkout with several heads, naming them and the merge command. Pure."""
    if len(history.heads) > 1:
        named = "; ".join(
            f"{h} ({history.revision(h).message}, {history.revision(h).file.name})"
            for h in history.heads
        )
        raise broken(
            f"the checkout has {len(history.heads)} heads: {named}.",
            f'alembic merge -m "Merge heads" {" ".join(history.heads)}',
        )


def _word(text: str) -> str:
    """A revision as a user may write it, or a refusal."""
    text = text.strip()
    advice = "give a revision id, head, base, +N or -N; `alembic history` lists the ids."
    if not text:
        raise _refuse("the revision is empty.", advice)
    if len(text) > LONGEST:
        raise _refuse(
            f"a revision of {len(text)} characters can't exist: the longest is {LONGEST}.", advice
        )
    if not (text.isprintable() and WORD.fullmatch(text)):
        raise _refuse(f"{text!r} is no revision.", advice)
    return text


def _right_way(direction: Direction, text: str) -> None:
    if direction == "upgrade" and (text == "base" or text.startswith("-")):
        raise _refuse(f"deploy only goes forward; {text!r} goes back.", "run rollback.ipynb.")
    if direction == "downgrade" and (text in ("head", "heads") or text.startswith("+")):
        raise _refuse(f"rollback only goes back; {text!r} goes forward.", "run deploy.ipynb.")


def _refuse(happened: str, next_step: str) -> UnknownRevision:
    return UnknownRevision(happened, state=NOTHING_CHANGED, next_step=next_step)
