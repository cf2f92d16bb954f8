"""Refusals and failures: what happened, the state now, and the next step.

Every error a person meets is one of these types. The command line and the
notebooks turn them into exit codes and cards in one place each.
"""

from __future__ import annotations

import html
import re
from typing import Self


class RunbookError(Exception):
    """A runbook stopped on purpose; nothing more was done than `state` says.

    `happened`, `state` and `next_step` are each one or two plain sentences
    without a secret in them. `exit_code` is what the command line ends with. `finding` is the
    entry of docs/findings.md that tells more: a diagnosis, or else the one of the type.
    """

    exit_code = 1
    outcome = "stopped"

    def __init__(self, happened: str, *, state: str, next_step: str, finding: str = "") -> None:
        self.happened = happened
        self.state = state
        self.next_step = next_step
        self.finding = finding or self.entry()
        super().__init__(happened)

    @classmethod
    def entry(cls) -> str:
        """The type's own entry of docs/findings.md: `LockTimeout` has `lock-timeout`. Pure."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @property
    def more(self) -> str:
        """The command that tells more of it."""
        return f"lexikon-runbook explain {self.finding}"

    @property
    def title(self) -> str:
        """The error's type, as a heading."""
        return type(self).__name__

    def __str__(self) -> str:
        lines = (("State now", self.state), ("Next", self.next_step), ("More", self.more))
        told = "".join(f"\n  {name}: {text}" for name, text in lines)
        return f"{self.title}: {self.happened}{told}"

    def kept(self) -> Self:
        """Itself without the frames that it came through, which hold workers and connections."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback: the card, as text."""
        return str(self).splitlines()

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{name}</th>"
            f"<td style='text-align:left;white-space:pre-wrap'>{html.escape(text)}</td></tr>"
            for name, text in (
                ("State now", self.state),
                ("Next", self.next_step),
                ("More", self.more),
            )
        )
        return (
            "<div style='border-left:6px solid #b3261e;padding:4px 12px'>"
            f"<b>{html.escape(self.title)}: {html.escape(self.happened)}</b>"
            f"<table>{rows}</table></div>"
        )


NOTHING_CHANGED = "nothing was changed."


class ParameterError(RunbookError):
    """A parameter is unknown, of the wrong type, or out of its range."""


class SettingsError(RunbookError):
    """runbook.toml or the environment does not describe a usable target."""


class TargetUnreachable(RunbookError):
    """No connection to the target's database could be opened."""


class TargetUnsuitable(RunbookError):
    """The database answers, but a schema change must not be run through this connection."""


class WrongDatabase(RunbookError):
    """The project's env.py connects to another database than the target's."""


class HistoryError(RunbookError):
    """The revision files, or the version rows in the database, do not make one line."""


class UnknownRevision(HistoryError):
    """A revision was asked for that the checkout does not have, or that is not one revision."""


class ReadFailed(RunbookError):
    """The database answers, and something that a plan needs could not be read."""


class NoSuchTable(RunbookError):
    """No table or view has that name, or several have."""


class Drifted(RunbookError):
    """The database differs from its migrations or models, or whether it does is unknown."""


class SnapshotUnusable(RunbookError):
    """What should be an archived catalog is not one, or is damaged."""


class ApprovalNeeded(RunbookError):
    """The plan needs its digest in `approve`, and `approve` does not hold it."""


class PlanChanged(RunbookError):
    """The plan under the lock is not the plan that was shown."""


class NotShown(RunbookError):
    """A revision sends, or does, what the plan did not show; it was stopped before its COMMIT."""


class RunnerBusy(RunbookError):
    """Another runner holds this database's runbook lock."""


class NotBuilt(RunbookError):
    """The migrations do not run on an empty database.

    `cause` is the first statement that failed with what the server said, or else what was
    raised; `sqlstate` is that statement's, "" where none failed. `of_server`: the server for
    throwaway databases is in the way, and says nothing of another one.
    """

    cause = sqlstate = ""
    of_server = False


class ModelsUnusable(RunbookError):
    """The models that a new revision is made from can't be found, or not be imported."""


class NotWritten(RunbookError):
    """The file of a new revision was not written."""


class NotProved(RunbookError):
    """A revision has a danger in its review, or does not lead up, down and up again."""


class LockTimeout(RunbookError):
    """Every attempt ended in a lock timeout or a deadlock; nothing of the revision stayed."""


class MigrationFailed(RunbookError):
    """A statement of a revision failed."""

    outcome = "failed"


class NothingPersisted(RunbookError):
    """A revision ran without an error, and the database does not hold it."""

    outcome = "failed"


class OutcomeUnknown(RunbookError):
    """The connection died during COMMIT, and reading could not settle what became of it."""

    outcome = "unknown"


class Unhealthy(RunbookError):
    """The application did not become healthy before the deadline."""

    outcome = "failed"


class ArchiveUnusable(RunbookError):
    """The archive cannot take the record of a run, so the run did not begin."""


class Interrupted(RunbookError):
    """Somebody interrupted the run."""

    exit_code = 130
    outcome = "interrupted"


class KernelDied(RunbookError):
    """The notebook's kernel ended before the runbook did."""

    exit_code = 3
    outcome = "died"
