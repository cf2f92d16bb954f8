"""What is seen of env.py's connection while a revision runs, and how to stop it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import RunbookError

KEPT = 1000  # statements; a revision that writes row by row would fill the record


@dataclass(frozen=True)
class FailedStatement:
    """A statement the server refused: what was sent, and the SQLSTATE that came back."""

    sql: str
    sqlstate: str
    message: str
    in_savepoint: bool


class Swallowed(BaseException):
    """A revision lost work, mostly by catching a statement's error, and went on.

    Not an Exception, since what swallowed the first error would swallow this one, too.
    """


@dataclass
class Watch:
    """Written by the guard in env.py's thread, read by the thread that waits for it.

    `finished` holds the first statements with their seconds; `lost` means that the
    connection died; `stopped` lets neither another statement nor a COMMIT begin;
    `refusal` is what the guard raised, also where env.py swallowed it; `reaching` is the
    place of the last connection that env.py asked for; `transaction` is the number of the
    revision's first transaction, begun when `before` statements had finished.
    """

    backend_pid: int = 0
    statement: str = ""
    statement_began: float = 0.0
    finished: list[tuple[str, float]] = field(default_factory=list)
    failures: list[FailedStatement] = field(default_factory=list)
    committing: bool = False
    lost: bool = False
    stopped: bool = False
    refusal: RunbookError | None = None
    reaching: str = ""
    transaction: str = ""
    before: int = 0

    def go_on(self) -> None:
        """Raise KeyboardInterrupt, which no `except Exception` holds up, once stopped."""
        if self.stopped:
            raise KeyboardInterrupt

    def note(self, statement: str, seconds: float) -> None:
        """A statement ended well."""
        self.statement = ""
        if len(self.finished) < KEPT:
            self.finished.append((statement, seconds))
