"""`lexikon-runbook run`: real kernels, real PostgreSQL, and what each run leaves behind."""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import psutil
import pytest
import runs
from runs import Ended, Project, blocked, until, version
from servers import PASSWORD, Database, Server

OLD, NEW = "b9d0965451a3", "f36a73221bb3"
MIGRATION = f"{NEW}_webhooks.py"


@pytest.fixture(scope="session")
def story(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One database, five runs: dry run, deploy, nothing to do, refused and approved rollback."""
    database = server.lexikon(OLD, data=True)
    project = runs.make(tmp_path_factory.mktemp("story"), database)
    dry = project.run("deploy", dry_run="true", reason="see #812")
    after_dry = version(database)
    deploy = project.run("deploy", reason="postgresql://me:hunter2@db/x")
    nothing = project.run("deploy")
    refused = project.run("rollback")
    after_refused = version(database)
    digest = refused.record["plan"]["digest"]
    rollback = project.run("rollback", approve=digest)
    yield SimpleNamespace(**{k: v for k, v in locals().items() if k != "server"})
    database.drop()


def names(ended: Ended) -> list[str]:
    assert ended.folder is not None
    return sorted(file.name for file in ended.folder.iterdir())


def leaves(runbook: str) -> list[str]:
    """The files of a whole record."""
    return sorted([f"{runbook}.html", f"{runbook}.ipynb", "journal.jsonl", "record.json"])


def statuses(ended: Ended) -> dict[str, str]:
    """The status that the executed notebook gives each of its code cells, by cell id."""
    assert ended.folder is not None
    file = next(ended.folder.glob("*.ipynb"))
    book = nbformat.read(file, as_version=4)
    return {
        c["id"]: c.metadata.papermill["status"]
        for c in book.cells
        if c.cell_type == "code" and "injected-parameters" not in c.metadata.get("tags", [])
    }


def text_of(folder: Path) -> str:
    return "\n".join(f.read_text(encoding="utf-8") for f in folder.rglob("*") if f.is_file())


def test_every_run_leaves_its_notebook_its_view_its_record_and_its_journal(story: Any) -> None:
    """Five runs, five folders that name time, runbook, target and id, with the same four files."""
    assert len(story.project.folders()) == 5
    for ended, runbook in (
        (story.dry, "deploy"),
        (story.deploy, "deploy"),
        (story.nothing, "deploy"),
        (story.refused, "rollback"),
        (story.rollback, "rollback"),
    ):
        day = dt.datetime.fromisoformat(ended.record["started"]).strftime("%Y/%m/%d")
        assert str(ended.folder).startswith(f"{story.project.archive}/{day}/")
        assert re.fullmatch(rf"\d{{6}}-{runbook}-staging-{ended.record['id']}", ended.folder.name)
        assert names(ended) == leaves(runbook)


def test_dry_run_shows_the_digest_and_changes_nothing(story: Any) -> None:
    """A reviewer gets the digest and the command, and the database stays where it was."""
    assert (story.dry.exit_code, story.dry.record["outcome"]) == (0, "dry run")
    assert story.after_dry == OLD
    assert story.dry.record["revisions"] == {"before": OLD, "after": OLD}
    digest = story.dry.record["plan"]["digest"]
    assert digest in story.dry.err
    assert f"-p approve={digest}" in (story.dry.folder / "deploy.ipynb").read_text()
    assert digest == story.deploy.record["plan"]["digest"]


def test_deploy_records_who_where_when_what_and_how_it_ended(story: Any) -> None:
    """A postmortem finds every fact of the run in record.json, and each is true."""
    record, database = story.deploy.record, story.database
    assert (story.deploy.exit_code, record["exit_code"], record["outcome"]) == (0, 0, "succeeded")
    assert record["error"] is record["doing"] is None
    assert record["who"]["user"] == getpass.getuser()
    assert record["who"]["host"] == socket.gethostname()
    assert record["database"]["database"] == database.name
    assert record["database"]["user"] == "app"
    key = database.rows(
        "select s.system_identifier || '/' || d.oid || '/' || d.datname"
        " from pg_control_system() s, pg_database d where datname = current_database()"
    )
    assert record["database"]["key"] == key[0][0]
    assert record["revisions"] == {"before": OLD, "after": NEW}
    [step] = record["steps"]
    source = (story.project.folder / "alembic/versions" / MIGRATION).read_bytes()
    assert step["sha256"] == hashlib.sha256(source).hexdigest()
    assert (step["revision"], step["direction"], len(step["tries"])) == (NEW, "upgrade", 1)
    assert 0 < step["duration_s"] < 30
    stages = {stage["name"]: stage["took_s"] for stage in record["stages"]}
    assert list(stages) == ["preflight", "plan", "approve", "apply", "verify", "health"]
    assert stages["apply"] >= step["duration_s"]
    assert set(record["versions"]) >= {"python", "alembic", "sqlalchemy", "papermill"}
    assert record["notebook"] == "deploy.ipynb"
    assert record["parameters"]["target"] == "staging"


def test_both_clocks_agree_about_when_a_run_was(story: Any) -> None:
    """The machine's and the database's times are both there, aware of their zones, in order."""
    for ended in (story.dry, story.deploy, story.nothing, story.refused, story.rollback):
        times = [
            dt.datetime.fromisoformat(ended.record[name])
            for name in ("started", "started_by_database", "finished_by_database", "finished")
        ]
        assert all(time.tzinfo for time in times)
        assert sorted(times) == times


def test_nothing_pending_is_told_and_exits_0(story: Any) -> None:
    """A second deploy says that there is nothing to do."""
    assert (story.nothing.exit_code, story.nothing.record["outcome"]) == (0, "nothing to do")
    assert story.nothing.record["steps"] == []
    assert "nothing to do" in story.nothing.out


def test_rollback_without_its_digest_is_refused_and_says_how_to_approve(story: Any) -> None:
    """Exit 1, nothing changed, and the corrected command stands in the message and the record."""
    refused = story.refused
    assert (refused.exit_code, refused.record["exit_code"]) == (1, 1)
    assert refused.record["outcome"] == "stopped"
    assert story.after_refused == NEW
    assert refused.record["revisions"] == {"before": NEW, "after": NEW}
    command = (
        f"lexikon-runbook run rollback -p target=staging -p revision={OLD} -p approve="
        f"{refused.record['plan']['digest']}"
    )
    assert command in refused.record["error"]["next"]
    assert command in refused.err
    assert refused.record["error"]["type"] == "ApprovalNeeded"


def test_cells_after_a_stop_are_pending_and_the_stopped_one_failed(story: Any) -> None:
    """The executed notebook tells the truth about each cell."""
    found = statuses(story.refused)
    at = list(found).index("approval")
    assert set(list(found.values())[:at]) == {"completed"}
    assert found["approval"] == "failed"
    assert set(list(found.values())[at + 1 :]) == {"pending"}
    assert set(statuses(story.rollback).values()) == {"completed"}


def test_rollback_with_its_digest_goes_back(story: Any) -> None:
    """Exit 0, and the database is where the plan said."""
    assert (story.rollback.exit_code, story.rollback.record["outcome"]) == (0, "succeeded")
    assert story.rollback.record["revisions"] == {"before": NEW, "after": OLD}
    assert version(story.database) == OLD
    assert [s["direction"] for s in story.rollback.record["steps"]] == ["downgrade"]


def test_a_job_log_has_one_line_a_stage_and_each_line_once(story: Any) -> None:
    """Somebody follows the run in the log of a job without opening the notebook."""
    log = [line.strip() for line in re.split(r"[\r\n]+", story.deploy.err) if line.strip()]
    assert all(re.match(r"\d\d:\d\d:\d\dZ ", line) for line in log)
    assert len(set(log)) == len(log)
    for word in ("deploy:", "preflight:", "plan:", "approval:", "upgrade", "Applied", "outcome:"):
        assert sum(word in line for line in log) == 1, word
    assert f"record:  {story.deploy.folder}" in story.deploy.out


def test_view_is_readable_without_jupyter_and_loads_nothing(story: Any) -> None:
    """The HTML has the headings, the cards and the tables, and neither scripts nor references."""
    view = (story.rollback.folder / "rollback.html").read_text()
    assert "<script" not in view
    assert not re.findall(r"<(?:link|iframe|img)\b[^>]*|url\(\s*['\"]?http[^)]*|@import", view)
    for heading in ("Emergency rollback", "Status", "Verify health"):
        assert re.search(rf"<h[12][^>]*>[^<]*{heading}", view)
    assert "Rolled back: f36a73221bb3" in view
    assert "border-left:5px solid #2e7d32" in view
    assert view.count("<table") > 5


def test_no_password_stays_in_an_archive_or_a_log(story: Any) -> None:
    """Neither the URL's password in any spelling, nor one in a URL given as a reason."""
    spoken = text_of(story.project.archive)
    for ended in (story.dry, story.deploy, story.nothing, story.refused, story.rollback):
        spoken += ended.out + ended.err
    spellings = {PASSWORD, repr(PASSWORD)[1:-1], json.dumps(PASSWORD)[1:-1], "hunter2"}
    spellings |= {"w%25rd%40%2F%277", "w%25rd%40/%277", "w%rd@/&#39;7", "w%rd@/&#x27;7"}
    assert [s for s in spellings if s in spoken] == []
    assert story.deploy.record["reason"] == "postgresql://me:***@db/x"


def test_database_and_temporary_folder_are_left_clean(story: Any) -> None:
    """No session, no socket and no half-written file stays behind."""
    assert story.database.rows(runs.OWN) == []
    assert not list(story.project.folder.glob("kernel-*"))
    assert not list(story.project.archive.rglob(".*"))


def begun(project: Project, **parameters: Any) -> runs.Going:
    return project.start("deploy", lock_timeout_s="30", **parameters)


def test_killed_kernel_is_a_death_and_the_record_says_where_the_database_is(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """SIGKILL in the middle of Apply: exit 3, and neither record nor notebook claims success."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    with blocked(database) as waits:
        going = begun(project)
        waits()
        os.kill(runs.kernel_of(going), signal.SIGKILL)
        ended = project.wait(going)
    record = ended.record
    assert (ended.exit_code, record["exit_code"], record["outcome"]) == (3, 3, "died")
    assert record["error"]["type"] == "KernelDied"
    assert f"apply: upgrade {NEW}" in record["error"]["happened"]
    assert f"the database is at {OLD}" in record["error"]["state"]
    assert "from the top" in record["error"]["next"]
    assert record["error"]["happened"] in ended.err
    assert record["revisions"] == {"before": OLD, "after": OLD}
    assert version(database) == OLD
    found = statuses(ended)
    assert found["apply"] == "failed"
    assert [found[c] for c in ("verify", "health", "finish")] == ["pending"] * 3
    assert names(ended) == leaves("deploy")
    book = nbformat.read(ended.folder / "deploy.ipynb", as_version=4)
    assert book.metadata.papermill["exception"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_apply_cancels_its_statement_and_changes_nothing(
    lexikon: Callable[..., Database], tmp_path: Path, number: int
) -> None:
    """Ctrl-C or a CI's SIGTERM: exit 130, the statement is cancelled at once, the lock is free."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    with blocked(database) as waits:
        going = begun(project)
        waits()
        going.signal(number)
        ended = project.wait(going)
        assert database.rows(runs.OWN) == []
    assert (ended.exit_code, ended.record["exit_code"]) == (130, 130)
    assert ended.record["outcome"] == "interrupted"
    assert "its statement was cancelled" in ended.record["error"]["happened"]
    assert f"the database is at {OLD}" in ended.record["error"]["state"]
    assert "from the top" in ended.record["error"]["next"]
    assert version(database) == OLD
    assert statuses(ended)["apply"] == "failed"
    assert statuses(ended)["finish"] == "pending"


def test_killed_command_leaves_an_unfinished_record_and_a_free_database(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """SIGKILL of the command itself: the kernel follows, and the next run tells and closes it."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    with blocked(database) as waits:
        going = begun(project)
        waits()
        kernel = runs.kernel_of(going)
        going.signal(signal.SIGKILL)
        killed = project.wait(going)
        until(lambda: not psutil.pid_exists(kernel), "the kernel ends itself")
        until(lambda: not database.rows(runs.OWN), "its sessions end")
    assert killed.record["outcome"] == "unfinished"
    assert killed.record["exit_code"] is None
    assert killed.record["doing"] == f"apply: upgrade {NEW}"
    again = project.run("deploy")
    assert (again.exit_code, version(database)) == (0, NEW)
    assert f"was cut short during apply: upgrade {NEW}" in again.err
    assert (killed.record["outcome"], killed.record["exit_code"]) == ("died", 3)
    assert killed.record["revisions"] == {"before": OLD, "after": OLD}


def test_interrupt_that_a_cell_swallows_still_stops_the_run(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """No cell runs after a Ctrl-C, whatever the interrupted one made of it."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    flag = tmp_path / "here"
    project.notebook(
        "deploy",
        lambda book: book.cells.insert(
            position(book, "apply"),
            code(
                f"import pathlib, threading\npathlib.Path({str(flag)!r}).touch()\n"
                # Without an end of its own: the signal ends it.
                "try:\n    threading.Event().wait()\nexcept KeyboardInterrupt:\n    pass"
            ),
        ),
    )
    going = project.start("deploy")
    until(flag.exists, "the cell runs")
    going.signal(signal.SIGINT)
    ended = project.wait(going)
    assert (ended.exit_code, ended.record["outcome"]) == (130, "interrupted")
    assert f"the database is at {OLD}" in ended.record["error"]["state"]
    assert version(database) == OLD
    assert statuses(ended)["apply"] == "pending"


def test_interrupt_while_the_kernel_starts_touches_nothing(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """Exit 130, and the record that was begun says so."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    going = project.start("deploy")
    until(lambda: runs.has_kernel(going), "the kernel starts")
    going.signal(signal.SIGINT)
    ended = project.wait(going)
    assert (ended.exit_code, ended.record["outcome"]) == (130, "interrupted")
    assert ended.record["error"]["state"] == "the database was not touched."
    assert version(database) == OLD


def test_interrupt_after_apply_does_not_hide_what_was_done(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """Ctrl-C while the health is polled: interrupted, and the revision is known to be in."""
    database = lexikon()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f'health_url = "http://127.0.0.1:{silent.getsockname()[1]}/"'
        project = runs.make(tmp_path, database, staging=url)
        going = project.start("deploy")
        silent.settimeout(60)
        silent.accept()
        going.signal(signal.SIGINT)
        ended = project.wait(going)
    assert (ended.exit_code, ended.record["outcome"]) == (130, "interrupted")
    assert "interrupted in health" in ended.record["error"]["happened"]
    assert ended.record["revisions"] == {"before": OLD, "after": NEW}
    assert version(database) == NEW


def position(book: Any, cell_id: str) -> int:
    return next(n for n, cell in enumerate(book.cells) if cell["id"] == cell_id)


def code(source: str) -> Any:
    return nbformat.v4.new_code_cell(source, id="edited")


def edited(project: Project, source: str, before: str = "plan") -> None:
    project.notebook("deploy", lambda book: book.cells.insert(position(book, before), code(source)))


@pytest.mark.parametrize("source", ["import sys; sys.exit(0)", "import os; os._exit(0)"])
def test_cell_that_leaves_quietly_is_not_a_success(
    lexikon: Callable[..., Database], tmp_path: Path, source: str
) -> None:
    """A notebook that ends itself with 0 exits non-zero, and its record does not say done."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    edited(project, source)
    ended = project.run("deploy")
    assert ended.exit_code == ended.record["exit_code"] == 3
    assert ended.record["outcome"] in ("failed", "died")
    assert ended.record["error"]["happened"]
    assert version(database) == OLD


def test_unexpected_error_is_recorded_with_its_traceback_and_without_its_secret(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """Exit 3, for a report; a password in the error's text is masked everywhere."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    edited(project, f"raise ValueError({database.tcp_url!r} + ' ' + {PASSWORD!r})")
    ended = project.run("deploy")
    assert (ended.exit_code, ended.record["outcome"]) == (3, "failed")
    assert ended.record["error"]["type"] == "ValueError"
    assert "Traceback" in ended.record["error"]["traceback"][0]
    assert ended.folder is not None
    spoken = text_of(ended.folder) + ended.out + ended.err
    assert [s for s in (PASSWORD, "w%25rd%40%2F%277", "w%rd@/&#39;7") if s in spoken] == []
    assert "***" in ended.record["error"]["happened"]


def test_lone_surrogates_and_huge_output_do_not_lose_a_run(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """The run goes on, and notebook, view and record can all be read afterwards."""
    database = lexikon()
    project = runs.make(tmp_path, database)
    source = "print(('word ' * 20 + '\\n') * 20_000, flush=True)\nprint('\\ud800 lone')\n'\\udfff'"
    edited(project, source)
    ended = project.run("deploy")
    assert (ended.exit_code, ended.record["outcome"]) == (0, "succeeded")
    assert names(ended) == leaves("deploy")
    assert ended.folder is not None
    book = nbformat.read(ended.folder / "deploy.ipynb", as_version=4)
    nbformat.validate(book)
    printed = book.cells[position(book, "edited")].outputs[0].text
    assert printed.count("word " * 20 + "\n") == 20_000
    assert (ended.folder / "deploy.html").stat().st_size > 2_000_000


def test_notebook_that_cannot_begin_leaves_a_record(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """A syntax error in the first cell ends in a failed record, not in none."""
    project = runs.make(tmp_path, lexikon())
    edited(project, "this is no Python", before="target")
    ended = project.run("deploy")
    assert (ended.exit_code, ended.record["outcome"]) == (3, "failed")
    assert ended.record["error"]["type"] == "SyntaxError"
    assert "deploy.ipynb" in names(ended)


def test_runtime_folder_with_a_long_name_works(
    lexikon: Callable[..., Database], tmp_path: Path
) -> None:
    """A Unix socket's path has about a hundred characters; a longer TMPDIR takes ports."""
    project = runs.make(tmp_path, lexikon())
    long = tmp_path / ("long" * 20)
    long.mkdir()
    words = [str(runs.BIN / "lexikon-runbook"), "run", "deploy", "-p", "target=staging"]
    going = project.command([*words, "-p", "dry_run=true"], environment={"TMPDIR": str(long)})
    assert project.wait(going).exit_code == 0
    assert list(long.iterdir()) == []
