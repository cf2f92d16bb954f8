"""What a server, a role or a database is set to is read, not assumed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from kind import TARGET, URL, Kind
from servers import PASSWORD, PROJECT, Database

from lexikon_runbook.errors import RunbookError, TargetUnsuitable

Maker = Callable[..., Kind]
STATUS, INDEX = (
    "wide02_add_a_status_and_a_note_to_the_item",
    "wide03_index_the_status_of_all_those_items",
)
WIDE = "create table alembic_version (version_num varchar(255) primary key)"
# It may read what root may, as this Python's own files may be root's.
NOBODY = (
    *("setpriv", "--reuid=1000670000", "--regid=0", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
)
TIMEOUTS = """
select name from pg_settings where name in
('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')
"""


@pytest.fixture
def role(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A role of this test's own, by which the target is reached."""
    name = f"{database.name}_deployer"
    database.execute(f"create role {name} superuser login password %s", PASSWORD)
    monkeypatch.setenv(URL, database.tcp_url.replace(f"{database.server.role}:", f"{name}:", 1))
    yield name
    database.server.execute(f"alter database {database.name} reset all")
    database.execute(f"drop owned by {name} cascade; drop role {name}")


@pytest.mark.parametrize("name", ["wide_by_impl", "wide_by_revision", "wide_by_hand"])
def test_a_long_revision_id_fits_where_the_version_table_is_wide(kind: Maker, name: str) -> None:
    """Forty-two characters, in a table that env.py, a revision or somebody's hand made wide."""
    project = kind(name)
    if name == "wide_by_hand":
        for database in (project.database, project.twin):
            database.execute(WIDE)
    project.follow(f"""
        upgrade wide01: wide01
        upgrade head: {INDEX}
        downgrade -1: {STATUS}
        upgrade head: {INDEX}
    """)
    diagnosis = project.runbook("troubleshoot")
    assert diagnosis.returncode == 0, diagnosis.stderr
    assert "0 found" in diagnosis.stdout + diagnosis.stderr


def test_a_long_revision_id_is_refused_where_it_does_not_fit(kind: Maker) -> None:
    """The width that the table has is said, and nothing is changed."""
    project = kind("wide_by_hand")
    project.deploy("wide01")
    with pytest.raises(RunbookError) as stop:
        project.deploy("head")
    assert "32" in str(stop.value)
    assert STATUS in str(stop.value)
    assert project.at() == "wide01"


def test_timeouts_of_the_role_end_no_run(kind: Maker, role: str) -> None:
    """A revision that computes for longer than its role may idle runs to its end."""
    project = kind("pauses_in_a_transaction")
    project.deploy("pa01")
    project.database.execute("insert into readings values (1, 20)")
    for (setting,) in project.database.rows(TIMEOUTS):
        project.database.execute(f"alter role {role} set {setting} = '1s'")
    assert project.deploy("pa02").outcome == "succeeded"
    assert [float(row[0]) for row in project.database.rows("select kelvin from readings")] == [
        293.15
    ]


@pytest.mark.parametrize("frozen", ["role", "database"])
def test_a_frozen_database_is_not_written(kind: Maker, role: str, frozen: str) -> None:
    """default_transaction_read_only is somebody's wish: it is named, and not overridden."""
    project = kind("plain")
    project.deploy("aa01")
    name = role if frozen == "role" else project.database.name
    project.database.execute(f"alter {frozen} {name} set default_transaction_read_only = on")
    with pytest.raises(RunbookError) as stop:
        project.deploy("head")
    assert "default_transaction_read_only" in str(stop.value)
    assert project.at() == "aa01"


def test_a_plan_for_a_frozen_database_says_that_it_can_not_run(kind: Maker, role: str) -> None:
    """Before anybody approves it, and an approval does not let it run, also where env.py thaws."""
    project = kind("thaws_its_session", protection="protected")
    project.database.execute(f"alter role {role} set default_transaction_read_only = on")
    shown = project.plan("head")
    said = " ".join(str(shown).split())
    assert f"Can't run now database {project.database.name}" in said
    assert f"was set read-only for role {role}: default_transaction_read_only is on." in said
    assert f"ALTER ROLE {role} RESET default_transaction_read_only;" in said
    assert "An env.py that switches it off for its own session does not." in said
    for approve in ("", shown.digest):
        with pytest.raises(TargetUnsuitable, match="default_transaction_read_only is on"):
            project.deploy("head", approve=approve)
    assert project.deploy("head", dry_run=True).outcome == "dry run"
    assert "set read-only" in project.cli("plan", "--target", TARGET, "--json").stdout
    assert project.at() == ""
    project.database.execute(f"alter role {role} reset default_transaction_read_only")
    assert project.deploy("head").outcome == "succeeded"


@pytest.mark.parametrize(
    "how", ["SET default_transaction_read_only = off", "SET TRANSACTION READ WRITE", "the driver"]
)
def test_an_env_py_that_thaws_its_session_writes_nothing_while_a_plan_is_made(
    kind: Maker, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sends is shown, and not done before the plan runs."""
    monkeypatch.setenv("HOW", how)
    project = kind("thaws_its_session")
    shown = str(project.plan("head"))
    assert "env.py itself sends, before the first step: CREATE SCHEMA IF NOT EXISTS audit" in shown
    assert project.database.rows("select from pg_namespace where nspname = 'audit'") == []
    project.follow("upgrade head: aa04")


def test_the_limits_of_the_run_stand_above_those_of_env_py(kind: Maker) -> None:
    """In every revision, also where env.py sets its own lock_timeout on its connection."""
    project = kind("limits_in_env_py")
    project.deploy()
    used = dict(project.database.rows("select seen, lock from used"))
    assert used.keys() == {"li01", "li02"}
    assert set(used.values()) == {"2s"}


def test_names_in_unicode_escapes_are_read_as_names(kind: Maker) -> None:
    """`U&"gr\\00F6\\00DFen"` is the table größen."""
    project = kind("names_in_unicode")
    project.follow("""
        upgrade head: un02
        downgrade -1: un01
    """)
    assert "größen" in str(project.plan("base"))


@pytest.mark.parametrize("name", ["url_popped", "url_from_database_url", "async_env_py"])
@pytest.mark.parametrize("form", ["libpq", "sqlalchemy"])
def test_a_url_with_several_hosts_leads_to_the_one_that_answers(
    kind: Maker, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    """Both forms are accepted, and env.py reaches the same database."""
    project = kind(name)
    project.plain("upgrade", "head")
    before, _, after = project.database.tcp_url.partition("@")
    host, _, database = after.partition("/")
    many = {
        "libpq": f"{before}@127.0.0.1:1,{host}/{database}?target_session_attrs=read-write",
        "sqlalchemy": f"{before}@/{database}?host={quote('127.0.0.1:1', safe='')}"
        f"&host={quote(host, safe='')}&target_session_attrs=read-write",
    }
    monkeypatch.setenv(URL, many[form])
    assert project.deploy("head").outcome == "succeeded"
    assert project.at() == {"url_popped": "po01", "async_env_py": "as02"}.get(name, "aa04")


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that is in nobody's own."""
    with tempfile.TemporaryDirectory(prefix="runbook-") as name:
        yield Path(name)


def test_a_container_without_home_and_user_deploys(kind: Maker, open_to_all: Path) -> None:
    """As a user id that no passwd knows, where root may become one; nothing but PATH and a URL."""
    project = kind("plain")
    deploy = [sys.executable, "-m", "lexikon_runbook", "run", "deploy", "-p", "target=here"]
    # Alembic asks access(2), which knows no capability: the folder must be open to everybody.
    open_to_all.chmod(0o777)
    folder = shutil.copytree(project.folder, open_to_all / "plain")
    ended = subprocess.run(
        [*(NOBODY if os.geteuid() == 0 else ()), *deploy],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), URL: os.environ[URL]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert project.at() == "aa04"
