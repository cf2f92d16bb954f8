"""Plain `papermill runbooks/deploy.ipynb out.ipynb -p target NAME`, as a CI job runs it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import runs
from runs import Ended, Project, blocked, version
from servers import Database, Server

OLD, NEW = "b9d0965451a3", "f36a73221bb3"
DEPLOY = "runbooks/deploy.ipynb"
STAGING = ("-p", "target", "staging")


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    """One database for the runs that must leave it as it is."""
    made = server.lexikon(OLD, data=False)
    yield made
    made.drop()


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Project:
    return runs.make(tmp_path, database)


def lines(ended: Ended) -> list[str]:
    """What a person reads in the job's log, the progress bar left out."""
    said = (line.strip() for line in re.split(r"[\r\n]+", ended.err))
    return [line for line in said if re.match(r"\d\d:\d\d:\d\dZ ", line)]


def test_plain_papermill_deploys_and_its_record_points_to_the_notebook(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """No flags: exit 0, one line a stage in the job's log, and the record knows out.ipynb."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    ended = project.papermill(DEPLOY, "out.ipynb", *STAGING)
    assert ended.exit_code == 0, ended.err
    assert version(database) == NEW
    assert (ended.record["outcome"], ended.record["exit_code"]) == ("succeeded", 0)
    assert ended.record["notebook"] == str(project.folder / "out.ipynb")
    assert ended.folder is not None
    assert sorted(f.name for f in ended.folder.iterdir()) == ["journal.jsonl", "record.json"]
    said = lines(ended)
    assert len(set(said)) == len(said)
    for word in ("deploy:", "preflight:", "plan:", "approval:", "upgrade", "Applied", "outcome:"):
        assert sum(word in line for line in said) == 1, word
    assert f"record {ended.folder}/record.json" in said[-1]


def test_refusal_exits_non_zero_and_is_recorded(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """A rollback without its digest stops, and the message says how to approve it."""
    database = lexikon(NEW)
    project = runs.make(tmp_path, database)
    ended = project.papermill("runbooks/rollback.ipynb", "out.ipynb", *STAGING)
    assert ended.exit_code not in (0, None)
    assert (ended.record["outcome"], ended.record["exit_code"]) == ("stopped", 1)
    assert f"-p approve={ended.record['plan']['digest']}" in ended.err
    assert version(database) == NEW


@pytest.mark.parametrize(
    ("given", "kind", "advice"),
    [
        (("-p", "taget", "staging"), "ParameterError", "use one of: target, x, revision"),
        ((*STAGING, "-p", "revision", "12345678e901"), "ParameterError", "-r revision"),
        ((*STAGING, "-p", "lock_timeout_s", "soon"), "ParameterError", "-p lock_timeout_s 2.0"),
        (("-p", "target", "stagign"), "SettingsError", "staging"),
    ],
    ids=["misspelt", "numeric-looking", "wrong type", "unknown target"],
)
def test_wrong_parameter_is_refused_before_the_database_is_touched(
    project: Project, given: tuple[str, ...], kind: str, advice: str
) -> None:
    """The refusal gives the corrected spelling, and leaves a record."""
    ended = project.papermill(DEPLOY, "out.ipynb", *given)
    assert ended.exit_code not in (0, None)
    assert advice in ended.err
    record = ended.record
    assert (record["outcome"], record["exit_code"], record["database"]) == ("stopped", 1, None)
    assert record["error"]["type"] == kind
    assert advice in record["error"]["next"] + record["error"]["happened"]
    assert record["error"]["state"] == "nothing was changed."
    assert record["notebook"] == str(project.folder / "out.ipynb")
    assert version(project.database) == OLD


def test_another_working_folder_finds_the_project_by_its_variable(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """LEXIKON_RUNBOOK_PROJECT names the project; output and its place stay the caller's."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    ended = project.papermill(
        str(project.folder / DEPLOY),
        "{target}.ipynb",
        *STAGING,
        "-p",
        "dry_run",
        "True",
        cwd=elsewhere,
        LEXIKON_RUNBOOK_PROJECT=str(project.folder),
    )
    assert ended.exit_code == 0, ended.err
    assert ended.record["outcome"] == "dry run"
    assert ended.record["notebook"] == str(elsewhere / "staging.ipynb")


def test_cwd_option_finds_the_project_and_the_output_stays_the_callers(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`papermill --cwd PROJECT` works, though Papermill itself has left its first folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    ended = project.papermill(
        "--cwd",
        str(project.folder),
        "--engine",
        "lexikon-runbook",
        str(project.folder / DEPLOY),
        "out.ipynb",
        *STAGING,
        "-p",
        "dry_run",
        "True",
        cwd=elsewhere,
        PWD=str(elsewhere),
    )
    assert ended.exit_code == 0, ended.err
    assert ended.record["notebook"] == str(elsewhere / "out.ipynb")


def statuses(file: Path) -> dict[str, str]:
    book = nbformat.read(file, as_version=4)
    return {c["id"]: c.metadata.papermill["status"] for c in book.cells if c.cell_type == "code"}


def test_our_engine_under_papermill_gives_true_statuses(project: Project) -> None:
    """`papermill --engine lexikon-runbook`: the cells after a stop are pending."""
    ended = project.papermill(
        "--engine", "lexikon-runbook", DEPLOY, "out.ipynb", *STAGING, "-p", "approve", "wrong"
    )
    assert ended.exit_code not in (0, None)
    found = statuses(project.folder / "out.ipynb")
    assert (found["plan"], found["approval"], found["apply"]) == ("completed", "failed", "pending")
    assert ended.record["outcome"] == "stopped"


def test_killed_kernel_is_unfinished_until_the_next_run_tells_and_closes_it(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """Nobody is left to write how a SIGKILL ended: the record never says success meanwhile."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    with blocked(database) as waits:
        going = project.start_papermill(
            DEPLOY, "out.ipynb", *STAGING, "-p", "lock_timeout_s", "30.0"
        )
        waits()
        os.kill(runs.kernel_of(going), signal.SIGKILL)
        killed = project.wait(going)
    assert killed.exit_code not in (0, None)
    assert (killed.record["outcome"], killed.record["exit_code"]) == ("unfinished", None)
    again = project.papermill(DEPLOY, "out2.ipynb", *STAGING)
    assert again.exit_code == 0, again.err
    told = next(line for line in lines(again) if "was cut short" in line)
    assert f"during apply: upgrade {NEW}" in told
    assert f"the database is at {OLD}" in told
    assert (killed.record["outcome"], killed.record["exit_code"]) == ("died", 3)
    assert killed.record["error"]["type"] == "KernelDied"
    assert "from the top" in killed.record["error"]["next"]
    assert killed.record["revisions"] == {"before": OLD, "after": OLD}
    assert version(database) == NEW


def test_execution_timeout_in_apply_is_never_a_success(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """`--execution-timeout` ends the kernel in the middle: exit non-zero, nothing changed."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    long = ("-p", "lock_timeout_s", "30.0")
    with blocked(database) as waits:
        going = project.start_papermill(
            "--execution-timeout", "5", DEPLOY, "out.ipynb", *STAGING, *long
        )
        waits()
        ended = project.wait(going)
    assert ended.exit_code not in (0, None)
    assert ended.record["outcome"] in ("interrupted", "unfinished")
    assert version(database) == OLD
    assert database.rows(runs.OWN) == []


def test_cell_that_leaves_quietly_is_not_a_success(project: Project) -> None:
    """Papermill itself exits 0 after `sys.exit(0)`; the record does not say done."""

    def leave(book: Any) -> None:
        at = next(n for n, cell in enumerate(book.cells) if cell["id"] == "plan")
        book.cells.insert(at, nbformat.v4.new_code_cell("import sys; sys.exit(0)"))

    project.notebook("deploy", leave)
    ended = project.papermill(DEPLOY, "out.ipynb", *STAGING)
    assert ended.record["outcome"] == "failed"
    assert ended.record["error"]["type"] == "SystemExit"
    assert version(project.database) == OLD


def test_unusable_archive_does_not_hide_why_a_run_was_refused(project: Project) -> None:
    """A misspelt target is what is told, also where no record of it can be written."""
    project.archive.write_text("a file where the folder should be")
    ended = project.papermill(DEPLOY, "out.ipynb", "-p", "target", "stagign")
    assert ended.exit_code not in (0, None)
    assert "SettingsError" in ended.err
    assert "did you mean 'staging'" in ended.err
    assert project.archive.is_file()
