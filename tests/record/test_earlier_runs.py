"""What the archive tells of a database: who applied what when, and what was cut short."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runs
from runs import VALUES
from servers import Database

from lexikon_runbook.errors import Unhealthy
from lexikon_runbook.postgres import runner
from lexikon_runbook.project import preflight
from lexikon_runbook.record import earlier_runs, record
from lexikon_runbook.runbooks import investigation
from lexikon_runbook.runbooks.change import Changing as Run
from lexikon_runbook.targets import settings
from lexikon_runbook.targets.settings import Target

FIRST, OLD, NEW = "7beb871f4454", "b9d0965451a3", "f36a73221bb3"


@pytest.fixture
def project(
    lexikon: Callable[..., Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> runs.Project:
    made = runs.make(tmp_path, lexikon())
    monkeypatch.setenv("STAGING_URL", made.url)
    monkeypatch.setenv("GITHUB_RUN_ID", "812")
    return made


def target(project: runs.Project) -> Target:
    return settings.target("staging", project.folder)


def ran(project: runs.Project, runbook: str, revision: str) -> Run:
    """One run through all its stages, in this process."""
    run = Run(runbook, VALUES, target(project))
    plan = run.plan(revision)
    outcome = run.apply(run.approve(plan, plan.digest))
    run.verify(outcome)
    run.finish()
    return run


def applied(project: runs.Project) -> earlier_runs.Applied:
    return earlier_runs.applied(preflight.check(target(project), "downgrade"))


def rows(shown: earlier_runs.Applied) -> dict[str, tuple[str, ...]]:
    """The table's rows by revision."""
    table: Any = shown.blocks()[1]
    return {row[0].split()[0]: tuple(row) for row in table.rows}


def test_history_names_who_applied_a_revision_and_when(project: runs.Project) -> None:
    """The newest is marked, with user, machine, CI run and time; older ones are not known."""
    run = ran(project, "deploy", "head")
    found = rows(applied(project))
    assert list(found) == [NEW, OLD, FIRST]
    name, words, when, by, file = found[NEW]
    assert name == f"{NEW} <- now"
    assert "creates table webhooks" in words
    assert when == run.record.facts["started"][:19].replace("T", " ")
    assert by.endswith("(GITHUB_RUN_ID 812)")
    assert "@" in by
    assert file == "unchanged since"
    assert found[OLD][2:] == ("not by a recorded run", "unknown", "unknown")


def test_history_says_that_a_file_was_edited_since(project: runs.Project) -> None:
    """Alembic has no checksums: the record has."""
    ran(project, "deploy", "head")
    file = next(project.folder.glob(f"alembic/versions/{NEW}*"))
    file.write_text(file.read_text() + "\n# a later thought\n")
    assert rows(applied(project))[NEW][4] == "EDITED since it was applied"


def test_upgrade_that_was_rolled_back_no_longer_counts(project: runs.Project) -> None:
    """After a rollback and a plain `alembic upgrade`, nobody is named wrongly."""
    ran(project, "deploy", "head")
    ran(project, "rollback", "-1")
    assert list(rows(applied(project))) == [OLD, FIRST]
    project.database.upgrade("head")
    assert rows(applied(project))[NEW][2] == "not by a recorded run"


def test_records_of_another_database_do_not_count(
    project: runs.Project, lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same target name may mean another database tomorrow."""
    ran(project, "deploy", "head")
    monkeypatch.setenv("STAGING_URL", lexikon(NEW).tcp_url)
    assert rows(applied(project))[NEW][2] == "not by a recorded run"


def test_history_at_base_is_empty(project: runs.Project) -> None:
    """Nothing applied is said in words."""
    project.database.downgrade("base")
    assert "none is applied" in str(applied(project))


def cut(project: runs.Project, **facts: Any) -> record.Record:
    """The record of a run whose process has ended without a word."""
    made = record.begin(target(project), "rollback", {})
    ended = subprocess.Popen(["true"])
    ended.wait()
    made.set(who={**made.facts["who"], "pid": ended.pid}, **facts)
    return made


def test_next_preflight_tells_of_a_run_that_was_cut_short_and_ends_its_record(
    project: runs.Project,
) -> None:
    """Once: what it did when it was killed, and where the database is now."""
    dead = cut(project, doing=f"apply: downgrade {NEW}")
    run = Run("deploy", VALUES, target(project))
    run.preflight()
    journal = [json.loads(line) for line in (run.record.folder / "journal.jsonl").open()]
    told = [line["text"] for line in journal if "cut short" in line.get("text", "")]
    assert told == [
        f"a rollback of this target, begun {dead.facts['started'][:19].replace('T', ' ')} UTC, was "
        f"cut short during apply: downgrade {NEW}; its open transaction is gone; the database is "
        f"at {OLD}"
    ]
    facts = json.loads(dead.file.read_text())
    assert (facts["outcome"], facts["exit_code"]) == ("died", 3)
    assert facts["revisions"]["after"] == OLD
    assert facts["error"]["next"].startswith("run the runbook again")
    assert earlier_runs.cut_short(target(project)) == []


def test_killed_runs_version_is_read_when_its_session_is_gone(
    project: runs.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server still works for it, nothing is said of its transaction."""
    monkeypatch.setattr(earlier_runs, "SETTLE_S", 0.1)
    project.database.upgrade(NEW)
    dead = cut(project, version_table="alembic_version")
    later = cut(project, version_table="alembic_version")
    later.set(target="production")
    session = project.database.connect(application_name=runner.APPLYING)
    (told,) = earlier_runs.close_abandoned(target(project), OLD)
    pid = session.info.backend_pid
    unknown = f"unknown: a session of the killed run is still at work (pid {pid})"
    assert told.endswith(f"its stages; {unknown}")
    facts = json.loads(dead.file.read_text())
    assert facts["revisions"]["after"] == unknown
    assert "gone" not in facts["error"]["happened"]
    assert facts["error"]["state"] == f"{unknown}."
    assert facts["error"]["next"].startswith("run the runbook again")

    monkeypatch.setattr(earlier_runs, "SETTLE_S", 30.0)
    later.set(target="staging")
    ending = threading.Timer(0.5, session.close)
    ending.start()
    (told,) = earlier_runs.close_abandoned(target(project), OLD)
    ending.join()
    assert told.endswith(f"its open transaction is gone; the database is at {NEW}")


def test_upgrade_is_found_behind_hundreds_of_later_records(project: runs.Project) -> None:
    """Only the end of the archive ends the search."""
    run = ran(project, "deploy", "head")
    text = run.record.file.read_text()
    other = json.dumps(json.loads(text) | {"steps": []})
    for number in range(501):
        folder = project.archive / "2999/01/01" / f"{number:06}-deploy-staging-x"
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(other)
    assert rows(applied(project))[NEW][4] == "unchanged since"


def test_run_of_another_target_or_machine_is_not_ended(project: runs.Project) -> None:
    """What can't be known to be dead is left as it is."""
    elsewhere = cut(project)
    elsewhere.set(who={**elsewhere.facts["who"], "host": "elsewhere"})
    other = cut(project, target="production")
    assert earlier_runs.close_abandoned(target(project), OLD) == []
    for made in (elsewhere, other):
        assert json.loads(made.file.read_text())["outcome"] == "unfinished"


def test_archive_with_odd_files_does_not_stop_a_run(project: runs.Project) -> None:
    """Older formats, damaged files and foreign folders are passed over."""
    day = project.archive / "2026/01/01"
    for name, text in (("a", "{"), ("b", '{"format": 0}'), ("c", "[]"), ("d", "\x00")):
        (day / name).mkdir(parents=True)
        (day / name / "record.json").write_text(text)
    (project.archive / "notes").mkdir()
    (day / "e").write_text("")
    ran(project, "deploy", "head")
    assert rows(applied(project))[NEW][4] == "unchanged since"


def test_status_tells_since_when_how_healthy_and_who_waits(project: runs.Project) -> None:
    """One card before anything is decided."""
    run = ran(project, "deploy", "head")
    found = preflight.check(target(project), "downgrade")
    status = str(investigation.status(found))
    assert f"{NEW}, applied {run.record.facts['started'][:10]}" in status
    assert "no health_url" in status
    assert "no session waits for a lock" in status


def test_activity_names_sessions_and_who_waits_for_whom(project: runs.Project) -> None:
    """A lock wait stands in the card, with the session that holds the lock."""
    holder = project.database.connect(application_name="reporting")
    holder.autocommit = False
    holder.cursor().execute("lock table terms in access exclusive mode")
    waiter = project.database.connect(application_name="backend")

    def wait() -> None:
        with contextlib.suppress(Exception):
            waiter.cursor().execute("select count(*) from terms")

    thread = threading.Thread(target=wait)
    thread.start()
    found = preflight.check(target(project), "downgrade")
    waits = "select 1 from pg_locks where not granted and relation = 'terms'::regclass"
    runs.until(lambda: project.database.rows(waits), "the backend waits")
    now = investigation.activity_now(found)
    holder.rollback()
    thread.join()
    assert any("backend" in line for line in now.waiting)
    assert {"reporting", "backend"} <= {s.application for s in now.sessions}
    assert "Database activity" in str(now)


def test_fix_gives_the_commands_with_the_names_filled_in(project: runs.Project) -> None:
    """After a rollback: reproduce, mend, see the plan."""
    ran(project, "deploy", "head")
    run = Run("rollback", VALUES, target(project))
    plan = run.plan("-1")
    outcome = run.apply(run.approve(plan, plan.digest))
    text = run.next_steps(outcome).commands
    assert "lexikon-runbook demo reset" in text
    assert 'alembic revision --autogenerate -m "Fix: ' in text
    assert "lexikon-runbook plan --target staging --revision head" in text
    assert NEW in text


def test_rollback_goes_on_to_investigate_an_unhealthy_application_and_is_no_success(
    project: runs.Project,
) -> None:
    """The log and the activity belong into the record; `finish` stops all the same."""
    project.database.upgrade("head")
    sick = dataclasses.replace(target(project), health_url="http://127.0.0.1:9/", restart="false")
    run = Run("rollback", VALUES, sick)
    plan = run.plan("-1")
    outcome = run.apply(run.approve(plan, plan.digest))
    assert run.restart(outcome).exit_code == 1
    assert run.health(outcome).healthy is False
    run.application_log()
    run.activity()
    with pytest.raises(Unhealthy) as stop:
        run.finish()
    assert "restart" in stop.value.happened
    assert "by hand" in stop.value.next_step
    run._troubles.pop("restart")
    with pytest.raises(Unhealthy) as stop:
        run.finish()
    assert "was not healthy" in stop.value.happened
    assert "before you go back further" in stop.value.next_step
    run.failed(stop.value)
    facts = json.loads(run.record.file.read_text())
    assert (facts["outcome"], facts["exit_code"]) == ("failed", 1)
    assert facts["revisions"] == {"before": NEW, "after": OLD}
    assert facts["health"]["healthy"] is False


def test_deploy_stops_when_the_application_stays_unhealthy(project: runs.Project) -> None:
    """The refusal gives the rollback command; nothing is rolled back by itself."""
    sick = dataclasses.replace(target(project), health_url="http://127.0.0.1:9/")
    run = Run("deploy", VALUES, sick)
    outcome = run.apply(run.approve(run.plan("head")))
    with pytest.raises(Unhealthy) as stop:
        run.health(outcome)
    assert "lexikon-runbook run rollback -p target=staging" in stop.value.next_step
    assert runs.version(project.database) == NEW
    with pytest.raises(Unhealthy):
        run.finish()
