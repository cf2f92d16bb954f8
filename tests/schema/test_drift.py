"""Drift: what was changed by hand is named, and what is the same is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from servers import PROJECT, Database

from lexikon_runbook.project import database as looked
from lexikon_runbook.schema import drift
from lexikon_runbook.targets.settings import Target

HEAD = "f36a73221bb3"
BY_HAND = [
    ("create index by_hand on terms (domain)", "+ index public.by_hand: CREATE INDEX by_hand"),
    ("drop index ix_terms_name", "- index public.ix_terms_name"),
    ("alter table terms alter domain set not null", "~ column public.terms.domain: character"),
    ("create function f() returns int language sql as 'select 1'", "+ function public.f()"),
    ("create view v as select id from terms", "+ view public.v"),
    ("create sequence s", "+ sequence public.s"),
    ("create type mood as enum ('sad')", "+ enum public.mood"),
    ("create policy p on terms using (true)", "+ policy public.terms.p"),
    ("grant select on terms to pg_monitor", "+ grant table public.terms TO pg_monitor: SELECT"),
    ("alter table terms set (fillfactor = 70)", "~ table public.terms: "),
    ("alter table users owner to pg_monitor", "~ table public.users: owner"),
]


@pytest.fixture
def live(lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch) -> Database:
    """Lexikon's database at its head; its target is `here`."""
    made = lexikon(HEAD)
    monkeypatch.setenv("HERE_URL", made.url)
    return made


@pytest.fixture
def here(live: Database) -> Target:
    return Target("here", PROJECT, url_env="HERE_URL", throwaway_url_env="HERE_URL")


def test_a_migrated_database_has_not_drifted(here: Target) -> None:
    """Neither from its migrations nor from the models, and both are said to have been compared."""
    found = looked.reach(here)
    migrations, models = drift.against_migrations(found), drift.against_models(found)
    assert (migrations.drifted, models.drifted) == (False, False)
    assert f"the migrations up to {HEAD}, on PostgreSQL" in str(migrations)


def test_what_was_done_by_hand_is_named(here: Target, live: Database) -> None:
    """Every kind of object, also those that Alembic's comparison does not see."""
    for sql, _ in BY_HAND:
        live.execute(sql)
    found = looked.reach(here)
    shown = str(drift.against_migrations(found).difference)
    for sql, line in BY_HAND:
        assert line in shown, sql
    models = drift.against_models(found)
    assert models.changes is not None
    assert "the models lack index by_hand of terms" in models.changes
    assert "the database lacks index ix_terms_name of terms" in models.changes
    assert "column terms.domain: nullable False in the database, True in models" in models.changes
    assert not any("function" in line for line in models.changes)


def test_another_owner_of_all_is_no_drift(
    here: Target, live: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The production role owns production; the throwaway database belongs to another."""
    live.execute('create role "Lexi\'s ""own"""')
    try:
        for (name,) in live.rows(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname = 'public'"
        ):
            live.execute(f'alter table {name} owner to "Lexi\'s ""own"""')
        for (name,) in live.rows("select typname from pg_type where typtype = 'e'"):
            live.execute(f'alter type {name} owner to "Lexi\'s ""own"""')
        found = drift.against_migrations(looked.reach(here))
        assert found.drifted is False, str(found)
    finally:
        live.execute(f'reassign owned by "Lexi\'s ""own""" to "{live.server.arguments["user"]}"')
        live.execute('drop role "Lexi\'s ""own"""')


def test_what_can_t_be_compared_is_unknown_never_none(
    here: Target, live: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No version row, no server for throwaway databases, a broken file: each says why."""
    nowhere = drift.against_migrations(looked.reach(replace(here, throwaway_url_env="NO_URL")))
    assert (nowhere.drifted, "export NO_URL=" in str(nowhere)) == (None, True)
    shutil.copytree(PROJECT / "alembic", tmp_path / "alembic")
    shutil.copy(PROJECT / "alembic.ini", tmp_path)
    next(tmp_path.glob("alembic/versions/f36*")).write_text("def upgrade(:\n")
    broken = looked.reach(replace(here, project=tmp_path))
    assert (broken.known_history, broken.at) == (None, HEAD)
    assert "syntax error" in drift.against_migrations(broken).unknown
    live.execute("drop table alembic_version")
    untracked = drift.against_migrations(looked.reach(here))
    assert untracked.drifted is None
    assert "run troubleshoot -p target=here" in untracked.unknown
