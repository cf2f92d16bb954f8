"""A container whose uid is in no passwd file, with no HOME, no USER and no LANG."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkouts
import pytest
from servers import PROJECT, Database

from lexikon_runbook.errors import SettingsError, TargetUnreachable
from lexikon_runbook.postgres import embedded_server, unreachable
from lexikon_runbook.record import origin
from lexikon_runbook.targets import urls
from lexikon_runbook.targets.settings import Target

NAMES = ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME", "LANG", "LC_ALL")
# What Python's own start-up runs in each process below, kernels and workers too.
NOBODY = """
import os, pwd
def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = getpwuid
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`lexikon-runbook` as such a user."""
    (tmp_path / "nobody").mkdir()
    (tmp_path / "nobody" / "sitecustomize.py").write_text(NOBODY)
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}

    def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lexikon_runbook", *words],
            cwd=tmp_path / "project",
            env={**kept, "PYTHONPATH": f"{tmp_path / 'nobody'}:{PROJECT}", **more},
            capture_output=True,
            text=True,
        )

    return command


def test_a_user_without_a_name_and_a_home_deploys_as_anybody_does(
    run: Run, tmp_path: Path, database: Database
) -> None:
    """The record says the number of the user; a message in Cyrillic needs no locale."""
    project = checkouts.checkout(tmp_path / "project")
    file = project.revision("aaaa0001", None, up="create table a (id int);")
    file.write_text(file.read_text().replace("Revision aaaa0001", "Добавить таблицу, ünïcode ✓"))
    ended = run("run", "deploy", "-p", "target=here", HERE_URL=database.tcp_url)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert database.rows("select version_num from alembic_version") == [("aaaa0001",)]
    (record,) = (project.folder / "archive").rglob("record.json")
    assert json.loads(record.read_text())["who"]["user"] == str(os.getuid())
    assert record.with_name("deploy.html").exists()
    shown = run("status", "--target", "here", HERE_URL=database.tcp_url)
    assert shown.returncode == 0, shown.stderr
    assert f"by {os.getuid()}@" in shown.stdout


def test_a_user_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Python says of it: a KeyError before 3.13, an OSError since."""

    def unknown(uid: int) -> Any:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert origin.who()["user"] == str(os.getuid())


@pytest.mark.parametrize(
    "said",
    [
        "local user with ID 1000670000 does not exist",
        "could not look up local user ID 1000670000: No such file or directory",
    ],
)
def test_a_url_without_a_user_asks_for_one(said: str) -> None:
    """libpq takes the name of whoever runs it, and there is none."""
    target = Target("here", PROJECT, url_env="HERE_URL")
    error = unreachable.explain(target, urls.address("postgresql://h/d"), said)
    assert isinstance(error, TargetUnreachable)
    assert "the URL names no user" in error.happened
    assert "export PGUSER=NAME" in error.next_step


def test_the_embedded_server_says_that_it_needs_a_known_user(tmp_path: Path) -> None:
    """PostgreSQL's own initdb asks the machine for a name: no other folder would help."""
    said = "initdb: could not look up effective user ID 1000670000: user does not exist"
    with pytest.raises(SettingsError) as stop, embedded_server._handling(tmp_path / "pg"):
        raise RuntimeError(said)
    assert f"user {os.geteuid()} is in no passwd file" in stop.value.happened
    assert said in stop.value.happened
    assert "throwaway_url_env" in stop.value.next_step
