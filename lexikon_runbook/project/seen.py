"""What is seen of a worker while it answers one request: its connections, statements, failures."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from .process import Message

KEPT = 1000  # statements; a revision that writes row by row would fill the record


@dataclass(frozen=True)
class FailedStatement:
    """A statement the server refused: what was sent, and all that the server said of it."""

    sql: str
    sqlstate: str
    message: str
    in_savepoint: bool
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Outside:
    """What code did outside of its database, or was refused to do, and the line it stands in."""

    what: str
    about: str
    file: str
    line: int

    @classmethod
    def told(cls, message: Message) -> Outside:
        """As the worker tells it. Pure."""
        named: dict[str, Any] = {k: message[k] for k in ("what", "about", "file", "line")}
        return cls(**named)

    def __str__(self) -> str:
        return f"{self.what} at {self.file}:{self.line}"

    def seen_from(self, file: str) -> str:
        """In words, for one who reads that file: `subprocess.run at line 14 (git)`. Pure."""
        line = f"line {self.line}" if self.file == file else f"{self.file}:{self.line}"
        return f"{self.what} at {line} ({self.about})"

    @property
    def of_file(self) -> bool:
        """Whether it was a file, by its whole path, that code wanted to write."""
        return self.about.startswith("/") and self.what.partition(".")[0] in ("open", "os")


@dataclass
class Seen:
    """Filled message by message.

    `pid` is that of the session at the target, 0 before there is one; `statement` is the one that
    runs now, since `statement_began` of the monotonic clock; `finished` the first that ended
    well, with their seconds; `writes` what env.py wanted to write while it was only looked with;
    `refused` what code tried outside of its database, and `outside` what a revision did there;
    `committing` is whether a COMMIT was the last word.
    """

    reached: str = ""
    pid: int = 0
    statement: str = ""
    statement_began: float = 0.0
    finished: list[tuple[str, float]] = field(default_factory=list)
    failures: list[FailedStatement] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    refused: list[Outside] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    committing: bool = False
    lost: bool = False

    def take(self, message: Message) -> None:
        """Note one message; those that say nothing of this are left alone."""
        note = getattr(self, f"_{message['is']}", None)
        if note is not None:
            note(message)

    def _connecting(self, message: Message) -> None:
        self.reached = str(message["place"])

    def _statement(self, message: Message) -> None:
        self.pid = int(message["pid"]) or self.pid
        self.statement, self.statement_began = str(message["sql"]), time.monotonic()
        self.committing = False

    def _sent(self, message: Message) -> None:
        if len(self.finished) < KEPT:
            self.finished.append((self.statement, float(message["s"])))
        self.statement = ""

    def _failed(self, message: Message) -> None:
        sql = message["sql"] or self.statement or ("COMMIT" if self.committing else "")
        self.failures.append(
            FailedStatement(
                sql=str(sql),
                sqlstate=str(message["sqlstate"]),
                message=str(message["message"]),
                in_savepoint=bool(message["nested"]),
                detail=str(message["detail"]),
                hint=str(message["hint"]),
            )
        )
        self.lost = self.lost or bool(message["lost"])

    def _commit(self, message: Message) -> None:
        self.committing, self.statement = True, ""

    def _step(self, message: Message) -> None:
        self.committing = False

    def _writes(self, message: Message) -> None:
        self.writes.append(str(message["sql"]))

    def _refused(self, message: Message) -> None:
        self.refused.append(Outside.told(message))

    def _outside(self, message: Message) -> None:
        if message["revision"]:
            self.outside.append(Outside.told(message))
