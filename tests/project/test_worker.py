"""A Python that can't be used, and code that ends or hangs its process: one clear card each."""

from __future__ import annotations

import os
import shutil
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import servers
from projects import Project, projects
from servers import Database

from lexikon_runbook.apply import chain
from lexikon_runbook.errors import HistoryError, MigrationFailed, RunbookError, SettingsError
from lexikon_runbook.project import starting, worker
from lexikon_runbook.project.project import Project as Opened

Maker = Callable[..., Project]


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


def script(folder: Path, text: str) -> str:
    """An executable that stands in for a Python."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def begins_with(code: str, text: str) -> str:
    """A revision whose upgrade() does this first."""
    head = "def upgrade() -> None:\n"
    assert head in text
    return text.replace(head, f"{head}    {code}\n", 1)


def refused(project: Project) -> SettingsError:
    """What a plan is refused with; nothing was changed by it."""
    before = project.database.dump()
    with pytest.raises(SettingsError) as stop:
        project.plan()
    assert project.database.dump() == before
    assert "[targets.test]" in stop.value.next_step
    return stop.value


def test_a_python_that_does_not_exist_is_named(project: Maker) -> None:
    """With the key that names it, and the variable that overrides it."""
    said = refused(project("plain", python=".venv/bin/python3.42"))
    assert ".venv/bin/python3.42" in said.happened
    assert "No such file or directory" in said.happened
    assert "LEXIKON_RUNBOOK_PYTHON" in said.next_step


def test_a_python_without_alembic_is_named(project: Maker, tmp_path: Path) -> None:
    """A virtual environment with nothing in it."""
    venv.create(tmp_path / "bare", with_pip=False)
    said = refused(project("plain", python=str(tmp_path / "bare" / "bin" / "python")))
    assert "No module named 'alembic'" in said.happened


def test_an_alembic_that_is_too_old_says_its_version(project: Maker, tmp_path: Path) -> None:
    """It is the wrong Python, and not an ini that is wrong."""
    (tmp_path / "alembic").mkdir()
    (tmp_path / "alembic" / "__init__.py").write_text('__version__ = "1.7.7"')
    said = refused(project("plain", worker=f"env PYTHONPATH={tmp_path} {sys.executable}"))
    assert "alembic is 1.7.7 here; the oldest supported is 1.8" in said.happened


@pytest.mark.parametrize("code", ["import os; os._exit(4)", "import os; os.abort()"])
def test_an_application_that_ends_its_process_at_import_is_named(code: str, project: Maker) -> None:
    """Flask-Migrate's is imported when the project is opened, before anything is asked."""
    ends = project("flask_app", flask="app:create_app", alembic_ini="migrations/alembic.ini")
    app = ends.folder / "app.py"
    app.write_text(f"{code}\n{app.read_text()}")
    with pytest.raises(HistoryError, match="ended its process"):
        ends.plan()
    assert ends.current() == ""


def test_an_env_py_that_exits_with_its_url_shows_no_password(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What code says of itself is masked as the server's words are."""
    plain = project("plain")
    ends = plain.with_url(monkeypatch, plain.database.tcp_url)
    env_py = ends.folder / "env.py"
    env_py.write_text(
        "import sys, os\nfrom alembic import context\n"
        "sys.exit('no way to ' + context.config.get_main_option('sqlalchemy.url'))\n"
    )
    secrets = (servers.PASSWORD, quote(servers.PASSWORD, safe=""), quote(servers.PASSWORD))
    with pytest.raises(HistoryError, match=r"env\.py ended itself") as stop:
        ends.plan()
    assert not [word for word in secrets if word in str(stop.value)]


def test_a_python_that_is_too_old_says_its_version(project: Maker, tmp_path: Path) -> None:
    """What it is too old to run is not sent to it."""
    hello = '{\\"is\\": \\"hello\\", \\"python\\": \\"3.6.15\\"}'
    text = f'for last; do :; done\nprintf "\\n%s{hello}\\n" "$last"\ncat'
    said = refused(project("plain", python=script(tmp_path, text)))
    assert "is Python 3.6.15; the oldest supported is 3.9" in said.happened


def test_a_command_that_ends_at_once_is_told_with_its_words(project: Maker, tmp_path: Path) -> None:
    """As docker compose does for a service that is not there."""
    text = "echo 'no such service: backend' >&2; exit 1"
    said = refused(project("plain", worker=f"{script(tmp_path, text)} run backend python"))
    assert "ended before it began (exit code 1); it said: no such service: backend" in said.happened


def test_what_is_printed_before_the_protocol_is_no_part_of_it(
    project: Maker, tmp_path: Path
) -> None:
    """A wrapper that says what it does, with and without an end of the line."""
    text = f'echo "Waiting for the database..."; printf "ready"; exec {sys.executable} "$@"'
    wrapped = project("plain", worker=f"{script(tmp_path, text)} -")
    assert wrapped.deploy().current == "aa04"


def test_a_project_in_another_folder_is_what_runs(project: Maker, tmp_path: Path) -> None:
    """As in a container: its files count, and a checkout with other ones is told."""
    there = tmp_path / "app"
    text = f'cd /; exec {sys.executable} "$@"'
    inside = project("plain", worker=script(tmp_path, text), worker_folder=str(there))
    shutil.copytree(inside.folder, there)
    here = inside.folder / "versions"
    next(here.glob("aa02*")).write_text("what is edited here does not run")
    next(here.glob("aa04*")).unlink()
    shown = inside.plan()
    assert [step.revision.id for step in shown.steps] == ["aa01", "aa02", "aa03", "aa04"]
    assert [step.of_checkout for step in shown.steps] == [True, False, True, False]
    assert "is in the checkout at hand: aa02" in str(shown)
    assert shown.steps[0].revision.file.parent == here
    assert inside.apply(shown).current == "aa04"


def test_a_revision_that_comes_to_another_folder_is_seen(project: Maker, tmp_path: Path) -> None:
    """By the workers that have read the folder already."""
    there = tmp_path / "app"
    inside = project("plain", worker=sys.executable, worker_folder=str(there))
    shutil.copytree(inside.folder, there)
    newest = next((there / "versions").glob("aa04*"))
    text = newest.read_text()
    newest.unlink()
    opened = Opened(inside.target)
    assert opened.history.heads == ("aa03",)
    newest.write_text(text)
    opened.refresh()
    assert opened.history.heads == ("aa04",)
    opened.end()


def test_a_command_that_prints_for_ever_is_ended(
    project: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words are no answer: the time counts."""
    monkeypatch.setattr(starting, "GREET_S", 0.5)
    said = refused(project("plain", python=script(tmp_path, "while :; do echo y; done")))
    assert "says nothing for 0.5 s; it said: y y" in said.happened


def test_code_that_hangs_at_import_is_named_with_its_line(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadline ends it; the card says where it hung, and the log holds no stacks."""
    monkeypatch.setattr(worker, "QUIET_S", 3.0)
    hangs = project("plain")
    printed: list[str] = []
    hangs.workers[hangs.target] = Opened(hangs.target, on_line=printed.append)
    revision = next((hangs.folder / "versions").glob("aa02*"))
    revision.write_text(f"import threading\nthreading.Event().wait()\n{revision.read_text()}")
    with pytest.raises(HistoryError) as stop:
        hangs.plan()
    assert f"has said nothing for 3 s and hangs at {revision}:2." in stop.value.happened
    assert printed == []
    assert hangs.current() == ""


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os; os._exit(9)", "exit code 9"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("import os; os.abort()", "killed by SIGABRT"),  # no fence sees it: the plan's workers die
    ],
)
def test_a_revision_that_ends_its_process_leaves_nothing(
    code: str, how: str, project: Maker
) -> None:
    """The database's session ends with it; what is reported was read afterwards."""
    ends = project("plain")
    ends.deploy("aa01")
    revision = next((ends.folder / "versions").glob("aa02*"))
    revision.write_text(begins_with(code, revision.read_text()))
    shown = ends.plan("aa02")
    assert not shown.steps[0].known
    with pytest.raises(MigrationFailed, match=how) as stop:
        ends.apply(shown)
    assert "nothing of the revision stayed; the database is at aa01" in stop.value.state
    assert ends.current() == "aa01"


def test_a_worker_that_is_killed_in_the_middle_is_read_back(
    project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two revisions: the first is in, the second is not, and that is said."""
    chained = project("plain")
    done = chain.Chain.done

    def kill(self: chain.Chain, *given: object) -> None:
        done(self, *given)  # type: ignore[arg-type]
        if len(self.applied) == 2:
            os.kill(self.found.project.applying(["upgrade", "head"]).process.pid, 9)

    monkeypatch.setattr(chain.Chain, "done", kill)
    with pytest.raises(RunbookError):
        chained.deploy()
    assert chained.current() == "aa02"


def test_our_own_process_imports_neither_alembic_nor_sqlalchemy(project: Maker) -> None:
    """Also for a deploy that runs revisions."""
    import subprocess

    plain = project("plain")
    code = (
        "import sys, pathlib, lexikon_runbook as r\n"
        "from lexikon_runbook.targets.settings import Target\n"
        f"t = Target('test', pathlib.Path({str(plain.folder)!r}), url_env='TEST_TARGET_URL',\n"
        f"           archive=pathlib.Path({str(plain.folder / 'archive')!r}))\n"
        "print(r.deploy(t).outcome, sorted({'alembic', 'sqlalchemy', 'pandas'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "succeeded []"


def test_twenty_megabytes_of_output_do_not_disturb(project: Maker) -> None:
    """Printed, written raw and by a child: they arrive beside the protocol."""
    loud = project("plain")
    revision = next((loud.folder / "versions").glob("aa02*"))
    code = "import os; print('y' * 20_000_000); os.write(1, b'raw'); os.system('echo child')"
    revision.write_text(begins_with(code, revision.read_text()))
    assert loud.deploy().current == "aa04"
