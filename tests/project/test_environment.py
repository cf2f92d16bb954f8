"""env.py files as they are in the wild, unedited: the target's database, or none at all."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from alembic.config import Config
from projects import FAST, Lines, Project, projects, run
from proxy import proxying
from servers import PASSWORD, Database, Server
from sqlalchemy.engine import make_url

from lexikon_runbook.apply import migrate
from lexikon_runbook.errors import HistoryError, RunbookError, TargetUnsuitable, WrongDatabase
from lexikon_runbook.project import command_line, version

Maker = Callable[..., Project]


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


@pytest.fixture
def other(server: Server) -> Iterator[Database]:
    """Another database on the same server."""
    made = server.create()
    yield made
    made.drop()


@pytest.mark.parametrize(
    ("history", "fields"),
    [
        ("plain", {}),
        ("url_hard_coded_in_ini", {}),
        ("url_with_placeholders", {}),
        ("url_from_database_url", {"env_py_variable": "DATABASE_URL"}),
        ("url_from_myapp_dsn", {"env_py_variable": "MYAPP_DSN"}),
        ("url_from_ini_key", {"env_py_option": "myapp.database"}),
        ("engine_with_creator", {"env_py_variable": "MYAPP_DSN"}),
        ("engine_left_open", {}),
        ("transaction_per_migration", {}),
        ("other_section", {"alembic_section": "production"}),
        ("prints_and_logs", {}),
    ],
)
def test_an_env_py_from_the_wild_deploys_and_rolls_back(
    project: Maker, history: str, fields: dict[str, str]
) -> None:
    """Up and down, with the SQL known beforehand, whatever env.py reads its URL from."""
    wild = project(history, **fields)
    shown = wild.plan()
    assert all(step.known for step in shown.steps)
    assert wild.apply(shown).current == "aa04"
    assert wild.roll_back("aa02").current == "aa02"
    assert wild.columns("notes") == "id body author"


def test_a_project_with_its_scripts_named_in_pyproject_deploys(project: Maker) -> None:
    """Alembic's newer way: alembic.ini beside [tool.alembic]; an older Alembic refuses it."""
    wild = project("pyproject")
    if "toml_file" in inspect.signature(Config).parameters:
        assert wild.deploy().current == "aa04"
        return
    with pytest.raises(HistoryError, match="No 'script_location' key found") as stop:
        wild.check()
    assert "mend script_location" in stop.value.next_step


def test_an_engine_that_outlives_env_py_keeps_no_session(project: Maker) -> None:
    """A pool of the application's own, used for looking first and for writing afterwards."""
    wild = project("engine_of_the_application", env_py_variable="MYAPP_DSN")
    assert wild.deploy("aa02").current == "aa02"
    assert wild.deploy().current == "aa04"
    open_still = "select count(*) from pg_stat_activity where application_name like %s"
    assert wild.opened().target == wild.target
    assert wild.database.rows(open_still, "lexikon-runbook%") == [(0,)]


def test_a_password_handed_in_by_an_event_is_used(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """env.py's own do_connect listener still has its say."""
    wild = project("password_by_event")
    monkeypatch.setenv("MYAPP_TOKEN", PASSWORD)
    over_tcp = wild.with_url(monkeypatch, wild.database.tcp_url)
    assert over_tcp.deploy().current == "aa04"


def test_a_version_table_in_a_schema_of_its_own_is_found(project: Maker) -> None:
    """version_table, version_table_schema and include_schemas are env.py's to choose."""
    wild = project("version_table_elsewhere")
    wild.database.execute("create schema keep")
    found = wild.check()
    assert found.version.table == "keep.migrated"
    assert wild.deploy().current == "aa04"
    assert wild.current("keep.migrated") == "aa04"
    assert wild.current() == ""
    assert wild.roll_back("base").current == "base"


def test_a_difficult_password_reaches_env_py_whole(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """%, @, / and a quote, through the ini's interpolation."""
    plain = project("plain")
    over_tcp = plain.with_url(monkeypatch, plain.database.tcp_url)
    assert over_tcp.deploy().current == "aa04"


def test_another_database_of_the_same_server_is_refused(
    project: Maker, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are named, and nothing is done on either."""
    monkeypatch.setenv("MYAPP_DSN", other.url)
    wild = project("url_from_myapp_dsn")
    with pytest.raises(WrongDatabase) as stop:
        wild.deploy()
    assert f"connects to database {other.name} on local socket" in stop.value.happened
    assert f"target test is database {wild.database.name} on" in stop.value.happened
    assert "no statement of a revision ran on either database" in stop.value.state
    assert 'env_py_variable = "NAME"' in stop.value.next_step
    for each in (other, wild.database):
        assert each.rows("select relname from pg_class where relname like 'alembic%%'") == []


def test_a_wrong_database_that_env_py_says_nothing_about_is_refused(
    project: Maker, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """env.py catches every exception; the refusal gets out."""
    monkeypatch.setenv("MYAPP_DSN", other.url.replace("postgresql:", "postgresql+psycopg2:"))
    with pytest.raises(WrongDatabase, match=other.name):
        project("wrong_database_swallowed").check()


def test_a_creator_that_opens_another_database_is_refused(
    project: Maker, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the engine's own way of connecting, and still seen."""
    monkeypatch.setenv("MYAPP_DSN", other.url)
    with pytest.raises(WrongDatabase, match=other.name):
        project("engine_with_creator").check()


def test_env_py_that_changes_its_mind_is_refused_before_it_writes(
    project: Maker, other: Database, tmp_path: Path
) -> None:
    """Right in preflight and wrong when it is applied: it reads its URL from a file."""
    wild = project("url_from_myapp_dsn")
    which = tmp_path / "which"
    which.write_text(wild.database.url)
    env_py = wild.folder / "env.py"
    read = (
        f"import os, pathlib\nos.environ['MYAPP_DSN'] = pathlib.Path({str(which)!r}).read_text()\n"
    )
    env_py.write_text(read + env_py.read_text())
    found, shown = wild.check(), wild.plan()
    which.write_text(other.url)
    with pytest.raises(WrongDatabase, match=other.name):
        migrate.apply(shown, found, FAST, Lines())
    assert wild.columns("notes") == ""


def test_an_env_py_that_goes_through_a_pooler_is_refused(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target is reached directly, and env.py has a URL of its own."""
    wild = project("url_from_myapp_dsn")
    address = make_url(wild.database.tcp_url)
    with proxying(str(address.host), int(address.port or 0)) as pooler:
        pooler.pooling = True
        monkeypatch.setenv("MYAPP_DSN", pooler.url(wild.database.tcp_url))
        with pytest.raises(TargetUnsuitable, match="through a connection pooler") as stop:
            wild.check()
    assert "usually port 5432 in place of 6432" in stop.value.next_step


def test_another_product_is_refused(
    project: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SQLite in env.py: not opened, not created."""
    file = tmp_path / "notes.sqlite"
    monkeypatch.setenv("MYAPP_DSN", f"sqlite:///{file}")
    with pytest.raises(WrongDatabase) as stop:
        project("not_postgresql").check()
    assert "connects to a sqlite database" in stop.value.happened
    assert not file.exists()


def test_a_server_that_env_py_alone_cannot_reach_is_named_without_a_secret(
    project: Maker,
) -> None:
    """The place is named, the hard-coded password is not."""
    with pytest.raises(HistoryError) as stop:
        project("url_in_env_py").check()
    assert "env.py of alembic.ini can't connect to 127.0.0.1:9/nothing" in stop.value.happened
    assert "Connection refused" in stop.value.happened
    assert 'env_py_variable = "NAME"' in stop.value.next_step
    assert "t0ps3cret" not in str(stop.value)


@pytest.mark.parametrize(
    ("dsn", "secrets"),
    [
        ("postgresql+psycopg2://app:t0p%40s3cret@127.0.0.1:9/lexikon", ("t0p", "s3cret")),
        ("postgresql+psycopg2://app:t0p@s3cret@127.0.0.1:9/lexikon", ("t0p", "s3cret")),
        ("postgresql+psycopg2://app:t0p@s3/cret@127.0.0.1:9/lexikon", ("t0p", "cret")),
        ("postgresql+psycopg2://app@127.0.0.1:9/lexikon?password=t0ps3cret", ("t0ps3cret",)),
        ("postgresql+psycopg2://app:t0p%s3cret@127.0.0.1:9/lexikon", ("t0p", "s3cret")),
    ],
)
def test_no_password_of_env_pys_own_url_gets_out(
    project: Maker, monkeypatch: pytest.MonkeyPatch, dsn: str, secrets: tuple[str, ...]
) -> None:
    """Well encoded, badly encoded, in the query: never in the error."""
    monkeypatch.setenv("MYAPP_DSN", dsn)
    for history in ("url_from_myapp_dsn", "url_set_unescaped"):
        with pytest.raises(RunbookError) as stop:
            project(history).check()
        for secret in secrets:
            assert secret not in str(stop.value)


def test_an_unescaped_percent_sign_is_explained(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alembic's own ValueError holds the whole URL."""
    monkeypatch.setenv("MYAPP_DSN", "postgresql://app:t0p%40s3cret@127.0.0.1:9/lexikon")
    with pytest.raises(HistoryError) as stop:
        project("url_set_unescaped").check()
    assert "env.py:9: ValueError: invalid interpolation syntax" in stop.value.happened
    assert "s3cret" not in str(stop.value)


def test_no_line_of_a_run_holds_the_password(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while it waits, and not when it fails."""
    swallowing = project("raised_again")
    over_tcp = swallowing.with_url(monkeypatch, swallowing.database.tcp_url)
    revision = next((swallowing.folder / "versions").glob("cc01*"))
    text = revision.read_text().replace(
        '"colour could not be added"', "op.get_bind().engine.url.render_as_string(False)"
    )
    revision.write_text(text)
    with pytest.raises(RunbookError) as stop:
        over_tcp.deploy()
    encoded = make_url(swallowing.database.tcp_url).render_as_string(False).split(":")[2]
    for secret in (PASSWORD, encoded.split("@")[0]):
        assert secret not in f"{stop.value}\n{over_tcp.report}"


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ("url_from_myapp_dsn", "KeyError: 'MYAPP_DSN'"),
        ("never_runs", "env.py ran without calling context.run_migrations()"),
    ],
)
def test_an_env_py_that_fails_is_named_with_its_line(
    project: Maker, history: str, words: str
) -> None:
    """What it raised, where, and how to see it with Alembic itself."""
    wild = project(history)
    with pytest.raises(HistoryError) as stop:
        wild.check()
    assert words in stop.value.happened
    assert "env.py alone tells, and it has not" in stop.value.state
    assert "status" not in stop.value.state  # which is refused in the same way
    assert "`alembic current`" in stop.value.next_step


def test_an_env_py_that_exits_is_a_refusal(project: Maker) -> None:
    """sys.exit(0) in env.py is no success."""
    wild = project("never_runs")
    (wild.folder / "env.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(HistoryError, match=r"env.py ended itself with exit\(0\)"):
        wild.check()


def test_what_env_py_changes_around_it_stays_in_its_own_process(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folder, variable and loggers, although fileConfig() disables those it does not know."""
    monkeypatch.setenv("MYAPP_DSN", "the application's own")
    bystander = logging.getLogger("tests.bystander")
    wild = project("prints_and_logs", env_py_variable="MYAPP_DSN")
    with (wild.folder / "env.py").open("a") as file:
        file.write("import os\nos.chdir('/')\n")
    wild.deploy()
    assert not bystander.disabled
    assert os.environ["MYAPP_DSN"] == "the application's own"


def test_what_env_py_prints_is_a_line_of_the_log(
    project: Maker, capfd: pytest.CaptureFixture[str]
) -> None:
    """`plan --json` is read by programs."""
    wild = project("prints_and_logs")
    said: list[str] = []
    wild.opened().on_line = said.append
    wild.plan()
    wild.opened().end()
    assert capfd.readouterr().out == ""
    assert any("Running migrations" in line for line in said)


def test_what_env_py_itself_sends_is_told_and_not_let_while_looking(project: Maker) -> None:
    """Preflight and plan run env.py on a read-only connection; what it wants to write is shown."""
    wild = project("transaction_per_migration")
    env_py = wild.folder / "env.py"
    text = env_py.read_text().replace(
        "context.configure(connection",
        'connection.exec_driver_sql("create table if not exists by_env_py ()")\n        '
        "connection.commit()\n        "
        "context.configure(connection",
    )
    env_py.write_text(text)
    shown = wild.plan()
    assert shown.env_py_sends == ("create table if not exists by_env_py ()",)
    assert "env.py itself sends" in str(shown)
    assert not wild.database.rows("select 1 from pg_class where relname = 'by_env_py'")
    wild.apply(shown)
    assert wild.database.rows("select 1 from pg_class where relname = 'by_env_py'") == [(1,)]


def test_an_async_env_py_runs_beside_the_event_loop_of_a_notebook(project: Maker) -> None:
    """A notebook's thread has a running loop, in which an async env.py could not run."""
    wild = project("plain")
    env_py = wild.folder / "env.py"
    env_py.write_text(
        env_py.read_text()
        .replace("\n    run_migrations_online()", "\n    asyncio.run(later())")
        .replace(
            "if context.is_offline",
            "import asyncio\n\nasync def later():\n    run_migrations_online()\n\n\n"
            "if context.is_offline",
        )
    )

    async def cell() -> str:
        return wild.deploy().current

    assert asyncio.run(cell()) == "aa04"


def test_the_guard_closes_what_env_py_left_open(project: Maker) -> None:
    """A connection that env.py never closed holds no lock when the run is over."""
    wild = project("engine_left_open")
    wild.deploy("aa01")
    with psycopg2.connect(wild.database.url) as connection:
        run(connection, "lock table notes in access exclusive mode nowait")
    connection.close()


def test_the_driver_of_the_project_is_kept(project: Maker) -> None:
    """postgresql+psycopg:// in the ini means psycopg 3 for env.py, too."""
    plain = project("plain")
    ini = plain.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("driver://user:pass@", "postgresql+psycopg://u:p@"))
    assert command_line.url(plain.target).startswith("postgresql+psycopg://")


def test_an_ini_that_is_missing_is_named(project: Maker) -> None:
    """With the key of runbook.toml that says where it is."""
    plain = project("plain", alembic_ini="migrations.ini")
    with pytest.raises(HistoryError, match=r"migrations.ini can't be read") as stop:
        plain.check()
    assert "set alembic_ini of target test in runbook.toml" in stop.value.next_step


def test_a_physical_copy_of_the_target_is_refused(project: Maker) -> None:
    """Same name, numbers and port; only the start of its server tells it apart."""
    wild = project("plain")
    found, shown = wild.check(), wild.plan()
    original = replace(found.identity, started="0.0")
    found.project.reach(original)
    with pytest.raises(WrongDatabase, match="which was started at another time") as stop:
        version.read(found.project, original)
    assert "no statement of a revision ran on either database" in stop.value.state
    assert 'env_py_variable = "NAME"' in stop.value.next_step
    restarted = replace(found, identity=original)
    assert migrate.apply(shown, restarted, FAST, Lines()).current == "aa04"
    assert original.key == found.identity.key


def test_variables_that_env_py_replaces_stay_in_its_own_process(
    project: Maker, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it replaced does not become the target of the next run."""
    wild = project("overrides_variables")
    monkeypatch.setenv("MYAPP_DSN", other.url)
    for _ in range(2):
        with pytest.raises(WrongDatabase, match=f"connects to database {other.name}") as stop:
            wild.check()
        assert f"target test is database {wild.database.name}" in stop.value.happened
    assert "ADDED" not in os.environ


def test_a_search_path_that_only_env_py_has_is_followed(project: Maker) -> None:
    """The version row is read where env.py's own connection keeps it, before and after."""
    wild = project("search_path_of_the_engine")
    wild.database.execute("create schema app")
    assert project("plain").check().version.table == "alembic_version"
    assert wild.check().version.table == "app.alembic_version"
    assert wild.deploy().current == "aa04"
    assert wild.check("downgrade").version.current == "aa04"
    assert wild.current("app.alembic_version") == "aa04"
    assert wild.current() == ""


def test_an_env_py_that_writes_before_the_migrations_deploys(project: Maker) -> None:
    """Tenant projects live by CREATE SCHEMA IF NOT EXISTS: it is part of the plan."""
    wild = project("writes_before_migrations")
    shown = wild.plan()
    assert [sql.startswith("CREATE SCHEMA") for sql in shown.env_py_sends] == [True]
    assert wild.apply(shown).current == shown.destination
