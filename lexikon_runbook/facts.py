"""What a record holds, key by key, as JSON has it. docs/records.md explains each; a test holds it.

The types of record.json, checked when our own code is: a record is read and written as it is.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Who(TypedDict):
    """The user, the machine, the process and the CI run behind a run."""

    user: str
    host: str
    pid: int
    pid_namespace: str
    process_started: float
    ci: dict[str, str]


class Revisions(TypedDict):
    """Where the database was, and is, as read from it; None where it was not read."""

    before: str | None
    after: str | None


class Error(TypedDict):
    """How a run ended badly: a refusal has all but `traceback`, anything else has that."""

    type: str
    happened: str
    state: NotRequired[str]
    next: NotRequired[str]
    finding: NotRequired[str]
    traceback: NotRequired[list[str]]


class Stage(TypedDict):
    """A cell's stage, and its seconds."""

    name: str
    took_s: float


class Try(TypedDict):
    """One try of a revision, and what it waited for."""

    duration_s: float
    waited_s: float
    blocked_by: list[str]
    sqlstate: str | None


class Step(TypedDict):
    """A revision that was run; `statements` are pairs of SQL and seconds."""

    revision: str
    direction: str
    summary: str
    sha256: str
    duration_s: float
    tries: list[Try]
    outside: list[str]
    statements: list[list[Any]]


class Plan(TypedDict):
    """The plan that was shown last."""

    digest: str
    direction: str
    current: str
    destination: str
    revisions: list[str]
    findings: list[str]
    at_risk: list[str]
    tables: list[str]
    bounds: list[int | None]
    rehearsed: bool | str | None
    catalog: str


class Drift(TypedDict):
    """What differs; None where that is unknown, for the reason `trouble`."""

    migrations: bool | None
    models: bool | None
    trouble: str | None


class Snapshot(TypedDict):
    """The archived catalog, and how many objects it holds."""

    file: str
    objects: int


class Facts(TypedDict, total=False):
    """record.json. What a run does not know yet is None; the last keys are of one runbook each."""

    format: int
    id: str
    runbook: str
    target: str
    project: str
    outcome: str
    finished: str | None
    exit_code: int | None
    error: Error | None
    who: Who
    reason: str
    parameters: dict[str, Any]
    started: str
    started_by_database: str | None
    finished_by_database: str | None
    database: dict[str, Any] | None
    version_table: str | None
    revisions: Revisions
    plan: Plan | None
    steps: list[Step]
    stages: list[Stage]
    doing: str | None
    health: dict[str, Any] | None
    notebook: str | None
    versions: dict[str, str]
    diagnosis: dict[str, Any]
    drift: Drift
    snapshot: Snapshot
    revision: str
    file: str
    review: list[str]
    proof: list[str]
