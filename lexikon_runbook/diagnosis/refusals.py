"""The table of refusals: each type of error that stops a run, when it does, and what then. Pure.

Where a diagnosis stands behind a refusal, the refusal names that; else it names one of these.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import errors
from ..errors import RunbookError


@dataclass(frozen=True)
class Refusal:
    """One row: the type, what became of the database when it is raised, and what to do."""

    error: type[RunbookError]
    state: str
    mend: str

    @property
    def id(self) -> str:
        """Its entry: `lock-timeout` for LockTimeout."""
        return self.error.entry()

    @property
    def when(self) -> str:
        """When it is raised, as the type itself says."""
        return " ".join((self.error.__doc__ or "").split())


UNTOUCHED = "Nothing was changed: it comes before the first statement of a revision."

REFUSALS = (
    Refusal(
        error=errors.RunbookError,
        state="As its card says: only what the stages before it did.",
        mend="Do what the card says; most often cells were run out of order, so run them from the "
        "top.",
    ),
    Refusal(
        error=errors.ParameterError,
        state=UNTOUCHED,
        mend="Correct the value; `lexikon-runbook list` shows every parameter with its type and "
        "default.",
    ),
    Refusal(
        error=errors.SettingsError,
        state=UNTOUCHED,
        mend="Correct the key or the variable that the card names; docs/targets.md explains each.",
    ),
    Refusal(
        error=errors.TargetUnreachable,
        state=UNTOUCHED,
        mend="See the diagnosis `unreachable`: the server's own words are in the card.",
    ),
    Refusal(
        error=errors.TargetUnsuitable,
        state=UNTOUCHED,
        mend="Point the target at the primary PostgreSQL server itself, as a role that may write.",
    ),
    Refusal(
        error=errors.WrongDatabase,
        state=UNTOUCHED,
        mend="Let env.py read this target's URL: env_py_variable or env_py_option in runbook.toml.",
    ),
    Refusal(
        error=errors.HistoryError,
        state=UNTOUCHED,
        mend="Mend the file or the version row that the card names; troubleshoot has the edit.",
    ),
    Refusal(
        error=errors.UnknownRevision,
        state=UNTOUCHED,
        mend="Name a revision of the list in the card; deploy goes forward, rollback back.",
    ),
    Refusal(
        error=errors.ReadFailed,
        state=UNTOUCHED,
        mend="Give the role the right that the card names, or wait for the lock; `status` shows "
        "who holds it.",
    ),
    Refusal(
        error=errors.NoSuchTable,
        state="Nothing was changed: inspect_schema only reads.",
        mend="Give the table with its schema, as the list of tables has it.",
    ),
    Refusal(
        error=errors.Drifted,
        state="Nothing was changed: inspect_schema only reads.",
        mend="Write the difference as a revision, undo it in the database, or name it under "
        "`ignore` in runbook.toml where it is wanted.",
    ),
    Refusal(
        error=errors.SnapshotUnusable,
        state="Nothing was changed.",
        mend="Name another run's catalog.json, or a target.",
    ),
    Refusal(
        error=errors.ApprovalNeeded,
        state="Nothing was changed: the plan was shown and not run.",
        mend="Read the plan. To run exactly this one, give its digest as `approve`.",
    ),
    Refusal(
        error=errors.PlanChanged,
        state="The card names the last revision that ran; most often none did.",
        mend="Run again from Preflight, read what differs, and approve the new digest.",
    ),
    Refusal(
        error=errors.NotShown,
        state="The revision was stopped before its COMMIT, and undone; the card names it, and what "
        "stays where it had committed before.",
        mend="Read what the revision chooses by: it was other when the plan was rehearsed. Plan "
        "again, and approve what is shown then.",
    ),
    Refusal(
        error=errors.RunnerBusy,
        state="This run did not begin, or stopped between two revisions.",
        mend="Wait for the other runner, then run again; the card names its process.",
    ),
    Refusal(
        error=errors.NotBuilt,
        state="Only a throwaway database was written.",
        mend="Mend the statement that the card names; a chain that needs what another tool makes "
        "names it under `extensions`, or has a server of its own in `throwaway_url_env`.",
    ),
    Refusal(
        error=errors.ModelsUnusable,
        state="Nothing was changed.",
        mend="Give `target_metadata` to context.configure() in env.py, or the models as "
        "`-p models=PACKAGE.MODULE:NAME`.",
    ),
    Refusal(
        error=errors.NotWritten,
        state="No file was written.",
        mend="Do what the card says, and run the cell again.",
    ),
    Refusal(
        error=errors.NotProved,
        state="The file is there; only throwaway databases were written.",
        mend="Mend the file by the code in the card, and prove it again; or remove it.",
    ),
    Refusal(
        error=errors.LockTimeout,
        state="Nothing of the revision stayed; the revisions before it are applied.",
        mend="Let the session that the card names end, or end it, then run again.",
    ),
    Refusal(
        error=errors.MigrationFailed,
        state="What the card says: a revision in one transaction leaves nothing.",
        mend="See the server's DETAIL and HINT in the card, mend what they name, then run again.",
    ),
    Refusal(
        error=errors.NothingPersisted,
        state="The database is where the card says, as read on a new connection.",
        mend="Let env.py begin and commit as Alembic's template does.",
    ),
    Refusal(
        error=errors.OutcomeUnknown,
        state="Unknown: the revision is committed or it is not.",
        mend="Read the version with `lexikon-runbook status` before anything else, and do not run "
        "again before that.",
    ),
    Refusal(
        error=errors.Unhealthy,
        state="The revisions are applied, and the application does not say that it is healthy.",
        mend="See the application's log; rollback.ipynb is the way back.",
    ),
    Refusal(
        error=errors.ArchiveUnusable,
        state="No run began.",
        mend="Make the archive writable with a few MiB free, or name another one.",
    ),
    Refusal(
        error=errors.Interrupted,
        state="The card says where the database is; the statement under way was cancelled.",
        mend="Run again from the top: it starts from where the database is.",
    ),
    Refusal(
        error=errors.KernelDied,
        state="The card says where the database is, as it was read afterwards.",
        mend="Run again from the top: it starts from where the database is.",
    ),
)
