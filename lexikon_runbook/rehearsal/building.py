"""The project at work on one throwaway database, in a worker that reaches nothing else.

No variable of it leads to the target, and its fence lets it connect to that database only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..postgres.connections import Identity
from ..project import checkout, command_line, failures, starting, variables
from ..project.history import Direction
from ..project.limits import Limits
from ..project.process import Message
from ..project.variables import Address
from ..project.worker import QUIET_S, ProjectFailed, Worker
from ..targets import urls
from ..targets.settings import Target

BUILDING = Limits(10.0, 600.0, application="lexikon-runbook throwaway")
SILENT_S = BUILDING.statement_timeout_s + QUIET_S


class NothingKept(Exception):
    """env.py ran a revision without an error and did not commit it: no other one follows."""


@dataclass
class Building:
    """The worker of one throwaway database, started before the database is there."""

    of: Target
    started: Worker
    given: Mapping[str, Any]
    opened: bool = False
    command: tuple[str, ...] = ("upgrade", "heads")

    @classmethod
    def start(cls, of: Target, url: str, address: Address, scratch: str) -> Building:
        """Start the target's own Python, for the database of that URL. Raises SettingsError."""
        own = command_line.address(of)
        url = f"{command_line.url(of).partition('://')[0]}://{url.partition('://')[2]}"
        if there := os.environ.get(of.worker_throwaway_url_env, "").strip():
            address = replace(urls.address(there), database=address.database)
            url = address.url(urls.scheme(url))
        environment = variables.elsewhere(of, url, own, address)
        if address.password:  # the URL may leave it to libpq's own variables and files
            environment["PGPASSWORD"] = address.password
        started = starting.start(of, environment, None)
        fence = {
            "scratch": scratch,
            **of.bounds,
            "dsn": address.dsn,
            "own": [(address.host, address.port)],
        }
        given = command_line.opening(of, url, cls.command)
        return cls(of, started, {**given, "fence": fence})

    @property
    def worker(self) -> Worker:
        """The worker, opened. Raises SettingsError or HistoryError where it can't be."""
        if not self.opened:
            starting.open_all([(self.started, self.given)])
            self.opened = True
        return self.started

    def env_py(self, identity: Identity) -> Message:
        """Run env.py without any revision; where it keeps its version rows.

        Writes what env.py writes. Raises HistoryError, ProjectFailed or WorkerDied.
        """
        settings = BUILDING.settings(identity.version_number)
        self.worker.post("env_py", deadline_s=SILENT_S, settings=settings)
        places: list[Message] = self.worker.answer(deadline_s=SILENT_S)["places"]
        if not places:
            raise failures.without_migrations(self.of)
        return places[0]

    def take(self, direction: Direction, rows: Sequence[str], **way: Any) -> list[Message]:
        """Take the steps of a way (`to`, or exactly `ids`) from these version rows, in order.

        Raises HistoryError for a revision that lacks the function, ProjectFailed, WorkerDied.
        """
        command = (direction, str(way.get("to") or way["ids"][-1]))
        if command != self.command:
            self.worker.ask("command", argv=command_line.argv(self.of, command))
            self.command = command
        asked = {"direction": direction, "rows": list(rows), **way}
        try:
            steps: list[Message] = self.worker.ask("steps", **asked)["steps"]
        except ProjectFailed as error:
            file, function = error.lacks(direction)
            if not file:
                raise
            happened = f"{file} has no function {function}()."
            raise checkout.broken(happened, "write it.") from None
        return steps

    def run(
        self,
        identity: Identity,
        steps: Sequence[Message],
        on_statement: Callable[[str], None],
        after: Callable[[str], None],
        *,
        asking: bool,
    ) -> None:
        """Run the steps that were taken last. Writes what they write.

        `after` gets each revision when it is committed; `on_statement` each statement, which an
        error of it keeps from being sent where `asking`. Raises NothingKept, HistoryError,
        ProjectFailed, WorkerDied.
        """
        settings = BUILDING.settings(identity.version_number)
        began: list[Message] = []

        def on(message: Message) -> Mapping[str, Any] | None:
            if message["is"] == "statement":
                on_statement(str(message["sql"]))
            if message["is"] != "step":
                return None
            if began:
                if message["rows"] is not None and message["rows"] != began[-1]["after"]:
                    raise NothingKept
                after(str(began[-1]["revision"]))
            began.append(steps[len(began)])
            return {"settings": settings}

        self.worker.post("migrate", deadline_s=SILENT_S, settings=settings, asking=asking)
        told = self.worker.answer(on, deadline_s=SILENT_S)
        if not told["called"]:
            raise failures.without_migrations(self.of)
        after(str(began[-1]["revision"]))

    def end(self) -> None:
        """End the worker."""
        self.started.end()
