"""Every form of env.py and every way to name its folder, as plain Alembic takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kind import Kind, schema

from lexikon_runbook.errors import NothingPersisted, RunbookError

Maker = Callable[..., Kind]
UP_AND_DOWN: list[tuple[str, dict[str, Any], str, str]] = [
    ("async_env_py", {}, "as02", "as01"),
    ("creates_an_extension", {}, "ex01", ""),
    ("creates_its_schema", {}, "cl02", "cl01"),
    ("flask_app", {"flask": "app:create_app"}, "fl02", "fl01"),
    ("limits_of_the_transaction", {}, "lt02", "lt01"),
    ("location_in_a_package", {}, "pk02", "pk01"),
    ("names_of_the_library", {}, "na01", ""),
    ("no_offline_mode", {}, "aa04", "aa03"),
    ("online_only", {}, "on02", "on01"),
    ("only_pyproject", {}, "py02", "py01"),
    ("reads_its_command", {}, "rc02", "rc01"),
    ("settings_cached_at_import", {}, "se02", "se01"),
    ("takes_a_connection", {}, "tc01", ""),
    ("transaction_per_migration", {}, "aa04", "aa03"),
    ("url_popped", {}, "po01", ""),
    ("url_set_unescaped", {"env_py_variable": "MYAPP_DSN"}, "aa04", "aa03"),
]
ENDS = [("exits_on_the_way_up", "eu02"), ("crashes_on_the_way_up", "cu02")]


@pytest.mark.parametrize(("name", "keys", "head", "below"), UP_AND_DOWN, ids=lambda v: str(v))
def test_it_goes_up_and_down_as_with_plain_alembic(
    kind: Maker, name: str, keys: dict[str, Any], head: str, below: str
) -> None:
    """The first deploy, a step back, and up again leave what Alembic's own command leaves."""
    kind(name, **keys).follow(f"""
        upgrade head: {head}
        downgrade -1: {below}
        upgrade head: {head}
    """)


@pytest.mark.parametrize("name", ["creates_its_schema", "creates_an_extension"])
def test_what_env_py_sends_is_part_of_the_plan(kind: Maker, name: str) -> None:
    """It is shown with the statements of the revisions, and looking at it makes nothing."""
    project = kind(name)
    before = schema(project.database)
    shown = str(project.plan())
    assert "env.py" in shown
    assert "CREATE SCHEMA" in shown or "CREATE EXTENSION" in shown
    assert schema(project.database) == before


def test_an_env_py_that_never_commits_leaves_nothing(kind: Maker) -> None:
    """None of the three revisions stays, as with plain Alembic; but here somebody is told."""
    project = kind("forgets_to_commit")
    project.plain("upgrade", "heads")
    with pytest.raises(NothingPersisted) as stop:
        project.deploy()
    assert "env.py" in str(stop.value)
    assert project.at() == ""
    assert schema(project.database) == schema(project.twin)


@pytest.mark.parametrize(("name", "revision"), ENDS)
def test_a_revision_that_ends_its_process_is_one_refusal(
    kind: Maker, name: str, revision: str
) -> None:
    """It ends neither this process nor a kernel; it is named, and nothing of it stays."""
    project = kind(name)
    before = revision.replace("02", "01")
    project.deploy(before)
    kept = schema(project.database)
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert revision in str(stop.value)
    assert (project.at(), schema(project.database)) == (before, kept)


def test_a_downgrade_that_exits_well_is_not_taken_for_done(kind: Maker) -> None:
    """Exit code 0 in the middle of a revision: plain Alembic's caller never learns of it."""
    project = kind("exits_on_the_way_down")
    project.move("upgrade", "head")
    assert project.plainly("downgrade", "-1").returncode == 0
    with pytest.raises(RunbookError) as stop:
        project.rollback("-1")
    assert "ed02" in str(stop.value)
    assert project.at() == "ed02"


def test_a_library_that_the_project_lacks_is_named(kind: Maker) -> None:
    """An asynchronous env.py without greenlet fails with SQLAlchemy's own words."""
    project = kind("async_without_greenlet")
    assert "greenlet" in project.plainly("upgrade", "head").stderr
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "greenlet" in str(stop.value)
    assert project.at() == ""


def test_what_env_py_sets_for_the_transaction_holds_for_each_revision(kind: Maker) -> None:
    """A SET LOCAL and a lock that last as long as the transaction of the whole chain."""
    project = kind("limits_of_the_transaction")
    project.move("upgrade", "head")
    used = "select seen, memory from used order by seen"
    assert project.database.rows(used) == project.twin.rows(used)
    assert project.database.rows(used) == [("lt01", "17MB"), ("lt02", "17MB")]


def test_a_hand_written_revision_is_reviewed_without_models(kind: Maker) -> None:
    """`target_metadata = None`, as `alembic init` writes it: review and proof need no models."""
    ended = kind("plain").runbook("create_migration", revision="aa02")
    assert ended.returncode == 0, ended.stderr


LOGS = """
import sqlalchemy
with sqlalchemy.create_engine(config.get_main_option("sqlalchemy.url")).begin() as other:
    other.execute(sqlalchemy.text("CREATE TABLE IF NOT EXISTS runs (n integer)"))
    other.execute(sqlalchemy.text("INSERT INTO runs VALUES (1)"))
"""
LINES = {
    "ends_itself": ("", "\nimport sys\nsys.exit(0)\n"),
    "writes_a_log_afterwards": ("", LOGS),
    "reads_where_it_goes": ('\nprint("to", context.config.cmd_opts.revision)\n', ""),
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_what_env_py_does_besides_is_as_with_plain_alembic(
    kind: Maker, lines: tuple[str, str]
) -> None:
    """Before the migrations and after them, in the first deploy and in the way back."""
    project = kind("plain")
    before, after = lines
    for folder in (project.folder, project.twin_folder):
        file = folder / "env.py"
        head, offline, rest = file.read_text().partition("def run_migrations_offline")
        file.write_text(f"{head}{before}\n\n{offline}{rest}{after}")
    project.follow("""
        upgrade head: aa04
        downgrade -1: aa03
        upgrade head: aa04
    """)


def test_an_application_that_writes_while_it_is_loaded_writes_nothing(kind: Maker) -> None:
    """Looking and planning load it; its tables are not made, and the refusal names its line."""
    project = kind("flask_creates_all", flask="app:create_app")
    for command in (["status"], ["plan"], ["run", "deploy", "-p", "dry_run=true"]):
        ended = project.cli(*command)
        assert ended.returncode == 1, ended.stdout
        assert "app.py:" in ended.stderr
        assert project.database.rows("select 1 from pg_tables where schemaname = 'public'") == []


def test_a_library_path_from_here_is_one_for_the_project(
    kind: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PYTHONPATH=. alembic` and `PYTHONPATH=. lexikon-runbook` find the same modules."""
    project = kind("rows_of_the_moment")
    (project.folder / "beside.py").write_text("NAME = 'beside'\n")
    env_py = project.folder / "env.py"
    env_py.write_text("import beside\n" + env_py.read_text())
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("prepend_sys_path", "# prepend_sys_path"))
    assert project.cli("status").returncode == 1
    ended = project.cli("status", PYTHONPATH=".")
    assert ended.returncode == 0, ended.stderr
