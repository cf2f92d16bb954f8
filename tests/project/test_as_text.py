"""A deploy with nothing to do: seen from the text of the files, and only when that is certain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import checkouts
import pytest
from checkouts import Checkout
from servers import Database

from lexikon_runbook.errors import HistoryError
from lexikon_runbook.project import preflight
from lexikon_runbook.targets import settings

AT_HEAD = """
import sys
from lexikon_runbook.plan import making
from lexikon_runbook.project import preflight
from lexikon_runbook.targets import settings
found = preflight.check(settings.target("here"), "upgrade")
made = making.make(found, "upgrade", {revision!r}, 2.0)
str(found), str(made), found._repr_html_()
heavy = [name for name in ("alembic", "sqlalchemy") if name in sys.modules]
print(found.env_py_ran, len(made.steps), heavy)
"""


@pytest.fixture
def project(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Two revisions, and a database at the second."""
    monkeypatch.setenv("HERE_URL", database.url)
    made = checkouts.checkout(tmp_path)
    made.revision("aaaa0001", None)
    made.revision("bbbb0002", "aaaa0001")
    database.execute("create table alembic_version (version_num varchar(32) primary key)")
    database.execute("insert into alembic_version values ('bbbb0002')")
    return made


def env_py_ran(project: Checkout) -> bool:
    """Whether preflight had to run env.py; that the version is right is asserted, too."""
    found = preflight.check(settings.target("here", project.folder), "upgrade")
    assert found.version.current == "bbbb0002"
    return found.env_py_ran


@pytest.mark.parametrize("revision", ["head", "bbbb0002", "bbbb"])
def test_nothing_pending_is_seen_without_importing_alembic(
    project: Checkout, revision: str
) -> None:
    """The commonest deploy does not pay for the libraries that the others need."""
    ended = subprocess.run(
        [sys.executable, "-c", AT_HEAD.format(revision=revision)],
        cwd=project.folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "False 0 []"


def test_the_card_says_that_env_py_was_not_run(project: Checkout) -> None:
    """What was not looked at is not called good."""
    found = preflight.check(settings.target("here", project.folder), "upgrade")
    assert "not run: nothing is pending" in str(found)
    assert "0 revisions" in str(found)


def test_a_rollback_always_asks_env_py(project: Checkout) -> None:
    """There is something to run, so env.py's database is compared first."""
    assert preflight.check(settings.target("here", project.folder), "downgrade").env_py_ran


def test_a_pending_revision_makes_env_py_run(project: Checkout) -> None:
    """Only a database at the one head is believed at a glance."""
    project.revision("cccc0003", "bbbb0002")
    found = preflight.check(settings.target("here", project.folder), "upgrade")
    assert (found.env_py_ran, len(found.pending or ())) == (True, 1)


@pytest.mark.parametrize(
    "words",
    ["version_table='alembic_version'", "version_table_schema=None", "**{}"],
)
def test_an_env_py_that_may_keep_the_version_elsewhere_is_run(
    project: Checkout, words: str
) -> None:
    """The text of such an env.py does not tell which table holds the version."""
    file = project.folder / "migrations" / "env.py"
    text = file.read_text().replace("connection=connection,", f"connection=connection, {words},")
    file.write_text(text)
    assert env_py_ran(project)


def test_revision_files_in_other_places_are_left_to_alembic(project: Checkout) -> None:
    """version_locations may bring further revisions that the glance would miss."""
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text() + "version_locations = %(here)s/migrations/versions\n")
    assert env_py_ran(project)


def test_settings_in_pyproject_are_left_to_alembic(project: Checkout) -> None:
    """Alembic reads version_locations there, too."""
    (project.folder / "pyproject.toml").write_text("[tool.alembic]\n")
    assert env_py_ran(project)


def test_an_env_py_that_configures_elsewhere_is_run(project: Checkout) -> None:
    """An imported module may say which table holds the version."""
    file = project.folder / "migrations" / "env.py"
    file.write_text(file.read_text().replace("context.configure(", "(context.configure)("))
    assert env_py_ran(project)


def test_ids_that_are_computed_are_left_to_alembic(project: Checkout) -> None:
    """What is not a literal can't be read from the text."""
    file = project.revision("cccc0003", "bbbb0002")
    file.write_text(file.read_text().replace("'cccc0003'", "'cccc' + '0003'"))
    found = preflight.check(settings.target("here", project.folder), "upgrade")
    assert (found.env_py_ran, len(found.pending or ())) == (True, 1)


def test_a_broken_file_is_refused_at_a_glance_too(project: Checkout) -> None:
    """A syntax error is named by file and line although nothing is pending."""
    file = project.revision("cccc0003", "bbbb0002")
    file.write_text("revision = (\n")
    with pytest.raises(HistoryError, match=r"cccc0003\.py:1"):
        env_py_ran(project)


def test_two_heads_are_seen_although_the_database_is_at_one(project: Checkout) -> None:
    """A database at one of several heads is not at the head."""
    project.revision("dddd0003", "aaaa0001")
    found = preflight.check(settings.target("here", project.folder), "upgrade")
    assert (found.history.heads, len(found.pending or ())) == (("bbbb0002", "dddd0003"), 1)
    assert found.env_py_ran
