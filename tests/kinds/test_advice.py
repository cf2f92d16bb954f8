"""What a failed run advises is true: of the state, and of what there is to mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kind import URL, Kind, run

from lexikon_runbook.errors import RunbookError

Maker = Callable[..., Kind]
VIEW = "create view price_list as select id, price from goods"


@pytest.mark.parametrize(("way", "at"), [("up", "cv01"), ("down", "cv02")])
def test_a_view_that_stands_in_the_way_is_named(kind: Maker, way: str, at: str) -> None:
    """Made by hand over a column that a revision changes, or a table that it drops."""
    project = kind("changes_a_viewed_column")
    project.deploy(at)
    project.database.execute(VIEW)
    with pytest.raises(RunbookError) as stop:
        project.deploy("head") if way == "up" else project.rollback("base")
    assert "price_list" in str(stop.value)
    assert "drop what depends on it first" in stop.value.next_step
    assert project.at() == at


def test_a_revision_whose_downgrade_failed_is_still_applied(kind: Maker) -> None:
    """So its file is not to be edited, and nobody says that it may be."""
    project = kind("changes_a_viewed_column")
    project.deploy()
    project.database.execute(VIEW)
    with pytest.raises(RunbookError) as stop:
        project.rollback("base")
    assert "not applied, so" not in str(stop.value)
    assert "may be edited" not in str(stop.value)
    assert project.at() == "cv02"


def test_rows_that_break_a_constraint_are_what_to_mend(kind: Maker) -> None:
    """Which key is twice is said; the revision is as good as it was."""
    project = kind("unique_over_rows")
    project.deploy("uq01")
    project.database.execute("insert into readers values (1, 'ann'), (2, 'ann'), (3, 'bea')")
    with pytest.raises(RunbookError) as stop:
        project.deploy("head")
    assert "email" in str(stop.value)
    assert "rows" in stop.value.next_step
    assert "may be edited" not in stop.value.next_step
    assert project.at() == "uq01"
    project.database.execute("delete from readers where id = 2")
    project.deploy("head")
    project.deploy("head")
    assert project.at() == "uq02"


def test_a_right_that_is_missing_is_granted_not_edited(
    kind: Maker, reader: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role is named, with the GRANT that it lacks."""
    project = kind("plain")
    role, url = reader
    project.database.execute("revoke create on schema public from public")
    monkeypatch.setenv(URL, url)
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "GRANT" in str(stop.value)
    assert role in str(stop.value)
    assert "may be edited" not in stop.value.next_step
    assert project.at() == ""


def test_a_schema_that_is_missing_is_created_not_edited(kind: Maker) -> None:
    """With the statement that makes it."""
    project = kind("needs_a_schema")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "CREATE SCHEMA warehouse" in str(stop.value)
    assert "may be edited" not in stop.value.next_step
    assert project.at() == ""


def test_a_full_disk_is_the_servers_trouble(kind: Maker) -> None:
    """Its HINT is shown; the revision is as good as it was."""
    project = kind("disk_full")
    project.deploy("df01")
    with pytest.raises(RunbookError) as stop:
        project.deploy("head")
    assert "Check free disk space." in str(stop.value)
    assert "may be edited" not in stop.value.next_step
    assert project.at() == "df01"


def test_init_writes_nothing_into_an_installed_package(kind: Maker, tmp_path: Path) -> None:
    """An ini of a package in site-packages is pointed at from the folder where init runs."""
    home, packages = tmp_path / "ours", tmp_path / "lib" / "site-packages"
    home.mkdir()
    packages.mkdir(parents=True)
    kind("url_popped").folder.rename(packages / "stamps")
    before = sorted(packages.rglob("*"))
    command = [sys.executable, "-m", "lexikon_runbook", "init", "--ini"]
    ended = run([*command, str(packages / "stamps" / "alembic.ini")], home, {})
    assert sorted(packages.rglob("*")) == before
    assert ended.returncode == 0, ended.stderr
    assert "site-packages/stamps/alembic.ini" in (home / "runbook.toml").read_text()


def test_rows_that_wait_for_a_deferred_key_are_told_to_be_checked(kind: Maker) -> None:
    """The statement that mends it is named; with it the revision runs."""
    project = kind("waits_for_a_deferred_key")
    project.deploy("wd01")
    project.database.execute("insert into places values (1); insert into posts values (1, null)")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "SET CONSTRAINTS ALL IMMEDIATE" in stop.value.next_step
    assert project.at() == "wd01"
    file = next(project.folder.rglob("wd02_*.py"))
    alter = '    op.execute("ALTER TABLE posts ALTER COLUMN place SET'
    mended = f'    op.execute("SET CONSTRAINTS ALL IMMEDIATE")\n{alter}'
    file.write_text(file.read_text().replace(alter, mended))
    project.deploy()
    assert project.at() == "wd02"


def test_what_the_server_can_not_do_is_no_matter_of_extensions(kind: Maker) -> None:
    """A partitioned table has no index built concurrently: the file is to mend."""
    project = kind("concurrent_on_a_parent")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "partitioned" in str(stop.value)
    assert "extension" not in stop.value.next_step
    assert "cp02" in stop.value.next_step
    assert project.at() == "cp01"


LACKING = {
    "GRANT SELECT ON notes TO nobody_here": "CREATE ROLE nobody_here;",
    "CREATE TABLE places (name text) TABLESPACE nowhere": "tablespace nowhere",
    "CREATE TABLE places (name citext_of_nobody)": "CREATE EXTENSION",
}


@pytest.mark.parametrize("sql", LACKING)
def test_what_is_missing_beside_the_schema_is_made_not_edited(kind: Maker, sql: str) -> None:
    """A role, a tablespace, a type: the file may be as right as can be."""
    project = kind("plain")
    project.deploy("aa01")
    _giving(project, sql)
    with pytest.raises(RunbookError) as stop:
        project.deploy("aa02")
    assert LACKING[sql] in stop.value.next_step
    assert "may be edited" not in stop.value.next_step


def test_a_right_to_make_is_given_by_the_words_that_give_it(
    kind: Maker, reader: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who does not own a table is not told to take it."""
    project = kind("plain")
    role, url = reader
    project.deploy("aa01")
    project.database.execute(
        f"grant all on schema public to {role}; grant all on alembic_version, notes to {role}"
    )
    monkeypatch.setenv(URL, url)
    told = {
        "CREATE ROLE app_of_nobody": f"ALTER ROLE {role} CREATEROLE;",
        "ALTER TABLE notes ADD COLUMN z integer": "migrate as the owner of table notes",
    }
    for sql, words in told.items():
        _giving(project, sql)
        with pytest.raises(RunbookError) as stop:
            project.deploy("aa02")
        assert words in stop.value.next_step


def _giving(project: Kind, sql: str) -> None:
    """Let aa02 send that."""
    file = next(project.folder.rglob("aa02*.py"))
    head, _, rest = file.read_text().partition("def upgrade() -> None:\n")
    down = rest[rest.index("def downgrade") :]
    file.write_text(f"{head}def upgrade() -> None:\n    op.execute({sql!r})\n\n\n{down}")
