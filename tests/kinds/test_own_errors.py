"""Errors of a revision's own code are told as they are, before anything runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kind import Kind, schema

from lexikon_runbook.errors import RunbookError

Maker = Callable[..., Kind]


def test_a_rollback_through_a_downgrade_that_raises_does_not_begin(kind: Maker) -> None:
    """What it raises is said, and how far back the way is open."""
    project = kind("raises_on_the_way_down")
    project.move("upgrade", "head")
    before = schema(project.database)
    with pytest.raises(RunbookError) as stop:
        project.rollback("base")
    assert "the verses can not be sung backwards" in str(stop.value)
    assert "ra02" in stop.value.next_step
    assert (project.at(), schema(project.database)) == ("ra04", before)
    project.move("downgrade", "ra02")
    with pytest.raises(RunbookError):
        project.rollback("-1")
    assert project.at() == "ra02"


def test_a_constraint_without_a_name_is_named_before_a_rollback(kind: Maker) -> None:
    """`drop_constraint(None)`: the name that PostgreSQL gave is in the refusal."""
    project = kind("drops_a_nameless_constraint")
    project.move("upgrade", "head")
    with pytest.raises(RunbookError) as stop:
        project.rollback("-1")
    assert "jars_shelf_fkey" in str(stop.value)
    assert "dn02" in str(stop.value)
    assert project.at() == "dn02"


def test_a_plan_of_a_downgrade_that_raises_gives_its_reason(kind: Maker) -> None:
    """Not that a revision should not fetch rows, which it does not."""
    for name, reason in (
        ("raises_on_the_way_down", "the verses can not be sung backwards"),
        ("drops_a_nameless_constraint", "jars_shelf_fkey"),
    ):
        project = kind(name)
        project.deploy()
        ended = project.cli("plan", "--target", "here", "--revision", "base")
        said = ended.stdout + ended.stderr
        assert reason in said
        assert "fetch rows" not in said
        project.database.execute("drop schema public cascade; create schema public")


def test_a_variable_that_is_missing_is_named(kind: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the chain is applied; with the variable it runs, the value in its row."""
    project = kind("needs_a_variable")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "KeyError" in str(stop.value)
    assert "MYAPP_OFFICE" in str(stop.value)
    assert project.at() == ""
    monkeypatch.setenv("MYAPP_OFFICE", "Basel")
    project.move("upgrade", "head")
    assert project.database.rows("select name from offices") == [("Basel",)]
