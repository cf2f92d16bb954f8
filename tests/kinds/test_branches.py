"""Several heads, several bases, labels, dependencies and merges go as with plain Alembic."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kind import Kind

from lexikon_runbook.errors import HistoryError, RunbookError

Maker = Callable[..., Kind]
MOVES = {
    "labelled_branches": """
        upgrade accounts@head: la03
        upgrade billing@head: la03 lb03
        downgrade billing@-1: la03 lb02
        downgrade accounts@la02: la02 lb02
        upgrade heads: la03 lb03
        downgrade lb02: la03 lb02
        downgrade base:
    """,
    "independent_trees": """
        upgrade orders@head: or03
        upgrade heads: ca02 or03
        downgrade orders@-1: ca02 or02
        downgrade orders@base: ca02
        upgrade orders@or02: ca02 or02
        downgrade catalogue@base: or01
        upgrade heads: ca02 or03
        downgrade base:
    """,
    "merged_and_gone_on": """
        upgrade mg02: mg02
        upgrade head: mg05
        downgrade -1: mg04
        downgrade mg02: mg02 mg03
        upgrade heads: mg05
        downgrade mg01: mg01
        upgrade mg05-1: mg04
        upgrade mg04+1: mg05
        downgrade mg05-1: mg04
        downgrade mg03-1: mg01
    """,
    "two_heads": """
        upgrade heads: ba06 bb05
        downgrade ba05: ba05 bb05
        upgrade ba06: ba06 bb05
        downgrade bb05@-1: ba06
        downgrade aa04: aa04
        upgrade bb05: bb05
    """,
}


@pytest.mark.parametrize("name", MOVES)
def test_branches_move_as_plain_alembic_moves_them(kind: Maker, name: str) -> None:
    """Each move leaves the schema and the version rows that Alembic's own command leaves."""
    kind(name).follow(MOVES[name])


@pytest.mark.parametrize("revision", ["head", "+1"])
def test_one_of_several_heads_is_never_chosen_for_somebody(kind: Maker, revision: str) -> None:
    """Both are named, with what to write for all of them; nothing is changed."""
    project = kind("two_heads")
    if revision == "+1":
        project.deploy("aa04")
    before = project.at()
    with pytest.raises(HistoryError) as stop:
        project.deploy(revision)
    assert all(word in str(stop.value) for word in ("ba06", "bb05", "heads"))
    assert project.at() == before


def test_a_step_back_from_a_merge_asks_which_way(kind: Maker) -> None:
    """Alembic calls it ambiguous; the refusal names the two revisions that may be meant."""
    project = kind("merged_and_gone_on")
    project.deploy("mg04")
    assert project.plainly("upgrade", "mg04").returncode == 0
    assert project.plainly("downgrade", "-1").returncode != 0
    with pytest.raises(RunbookError) as stop:
        project.rollback("-1")
    assert "mg02" in str(stop.value)
    assert "mg03" in str(stop.value)
    assert project.at() == "mg04"


def test_a_plan_for_one_branch_leaves_the_other_out(kind: Maker) -> None:
    """Only what the branch needs, in the order in which Alembic runs it."""
    project = kind("labelled_branches")
    assert _ids(project.plan("accounts@head")) == ["la01", "la02", "la03"]
    assert set(_ids(project.plan("billing@head"))) == {"la01", "la02", "lb02", "lb03"}
    project.deploy("heads")
    assert _ids(project.plan("billing@-1")) == ["lb03"]


@pytest.mark.parametrize("name", ["labelled_branches", "independent_trees"])
def test_status_and_troubleshoot_know_several_version_rows(kind: Maker, name: str) -> None:
    """They are how such a project is meant to be, so nothing is wrong with it."""
    project = kind(name)
    project.deploy("heads")
    status, diagnosis = project.cli("status", "--target", "here"), project.runbook("troubleshoot")
    assert status.returncode == 0, status.stderr
    assert all(row in status.stdout for row in project.at().split())
    assert diagnosis.returncode == 0, diagnosis.stderr
    assert "0 found" in diagnosis.stdout + diagnosis.stderr


def _ids(plan: object) -> list[str]:
    return [step.revision.id for step in plan.steps]  # type: ignore[attr-defined]
