"""A revision whose statements differ at each reading has one digest, and deploys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kind import Kind

from lexikon_runbook.project import project

Maker = Callable[..., Kind]
VARYING = {
    "indexes_of_a_set": "is03",
    "rows_of_the_moment": "rm02",
    "names_at_random": "nr01",
    "times_of_the_day": "td01",
}


@pytest.fixture(autouse=True)
def rendered_twice(kind: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a run does; other kinds spare themselves the second."""
    monkeypatch.setattr(project, "COPIES", 2)


@pytest.mark.parametrize("name", VARYING)
def test_its_digest_is_the_same_at_each_reading(kind: Maker, name: str) -> None:
    """Each reading has its own hash seed, its own moment and its own random numbers."""
    made = kind(name)
    assert len({made.plan().digest for _ in range(4)}) == 1


@pytest.mark.parametrize("name", VARYING)
def test_it_deploys_and_rolls_back(kind: Maker, name: str) -> None:
    """With the digest of an earlier reading."""
    made = kind(name, protection="protected")
    assert made.deploy().outcome == "succeeded"
    assert made.at() == VARYING[name]
    made.rollback("base")
    assert made.at() == ""


def test_indexes_of_a_set_are_those_of_plain_alembic(kind: Maker) -> None:
    """Four columns with index=True, whose indexes are created in any order."""
    kind("indexes_of_a_set").follow("""
        upgrade head: is03
        downgrade -1: is02
        upgrade head: is03
    """)


def test_rows_of_the_moment_are_written_once(kind: Maker) -> None:
    """Reading the plan writes none of them."""
    made = kind("rows_of_the_moment")
    made.deploy()
    keys = made.database.rows("select name, count(*) from keys group by 1 order by 1")
    assert keys == [("back", 1), ("front", 1), ("spare", 1)]


def test_a_time_is_one_whatever_its_resolution(kind: Maker) -> None:
    """Two readings in one second, or on one day, would agree; the run comes after them."""
    made = kind("times_of_the_day")
    (step,) = made.plan().steps
    assert len(step.varies) == 4
    made.deploy()
    ids = [row[0] for row in made.database.rows("select id from blobs order by 1")]
    assert ids[:3] == [1, 2, 3]
    days = made.database.rows("select day::text from blobs where id = 3 or day <> current_date")
    assert days == [("2020-02-29",)]


def test_what_varies_is_named(kind: Maker) -> None:
    """Whoever approves such a plan reads which revision will send something else."""
    for name, revision in (("rows_of_the_moment", "rm01"), ("names_at_random", "nr01")):
        findings = [str(f) for f in kind(name).plan().findings]
        assert any(revision in f and "varies" in f for f in findings), findings


DROPS = """
    import random
    op.execute(f"DROP TABLE {random.SystemRandom().choice(['notes', 'tags', 'words', 'marks'])}")
"""


def test_what_is_dropped_at_random_is_not_known(kind: Maker) -> None:
    """One digest must not approve the loss of another table than the one that was shown."""
    made = kind("plain")
    made.database.execute("create table words (); create table marks ()")
    made.deploy("aa03")
    made.database.execute("create table tags (name text)")
    file = next(made.folder.rglob("aa04*.py"))
    head, _, rest = file.read_text().partition("def upgrade() -> None:\n")
    file.write_text(f"{head}def upgrade() -> None:{DROPS}\n\n{rest[rest.index('def downgrade') :]}")
    for shown in (made.plan() for _ in range(4)):
        if shown.steps[0].varies:
            break
    assert shown.needs_approval
    assert not shown.steps[0].known
    assert "names other objects each time" in str(shown)
