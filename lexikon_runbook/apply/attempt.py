"""One try at one revision: how it went, as it was seen from our side. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..postgres import activity
from ..project.seen import FailedStatement, Outside
from ..project.worker import ProjectFailed

LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"
IN_FAILED_TRANSACTION = "25P02"


class Swallowed(Exception):
    """A revision lost work, mostly by catching a statement's error, and went on."""


@dataclass(frozen=True)
class Attempt:
    """How one try went. `error` is None when the revision ran to its end.

    `lost` means that the connection, or the process, died: only reading can tell what became of
    it. `transaction` is the number of the revision's first transaction, `own` the statements
    that ended well since it began, `outside` what it did outside of the database; `by_itself`
    says that it committed before its end; `opening` is the first statement that env.py sent,
    before any revision.
    """

    duration_s: float
    waited_s: float
    statements: tuple[tuple[str, float], ...]
    blockers: tuple[activity.Session, ...] = ()
    waited_for: str = ""
    failures: tuple[FailedStatement, ...] = ()
    outside: tuple[Outside, ...] = ()
    error: BaseException | None = field(default=None, repr=False)
    backend_pid: int = 0
    during_commit: bool = False
    lost: bool = False
    transaction: str = ""
    by_itself: bool = False
    opening: str = ""

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """Who was in the way, in words, the roots first."""
        return tuple(map(str, self.blockers))

    @property
    def interrupted(self) -> bool:
        """Whether a person stopped it."""
        return isinstance(self.error, KeyboardInterrupt)

    @property
    def gave_way(self) -> bool:
        """Whether it ended in a lock timeout or a deadlock, and may be tried again."""
        failure = self.failure
        return failure is not None and failure.sqlstate in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)

    @property
    def of_database(self) -> bool:
        """Whether what ended it is the error of a statement."""
        told = self.error.told if isinstance(self.error, ProjectFailed) else {}
        return bool(told.get("of_database") or told.get("sqlstate"))

    @property
    def failure(self) -> FailedStatement | None:
        """The statement that ended the try: the first to fail, where its error was swallowed."""
        if self.error is None:
            return None
        last = self.failures[-1] if self.failures else None
        if self.of_database and last and last.sqlstate != IN_FAILED_TRANSACTION:
            return last
        return next((f for f in self.failures if not f.in_savepoint), None)
