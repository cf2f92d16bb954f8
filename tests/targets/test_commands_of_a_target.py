"""The commands that texts give: of the target that is meant, in the project's own Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lexikon_runbook.targets.target import Target


def target(**fields: Any) -> Target:
    return Target("staging", Path("/srv/app"), **fields)


@pytest.mark.parametrize(
    ("fields", "stamp"),
    [
        ({}, "alembic stamp aa01"),
        (
            {"alembic_ini": "db/a b.ini", "alembic_section": "core"},
            "alembic -c 'db/a b.ini' -n core stamp aa01",
        ),
        ({"python": ".venv/bin/python"}, ".venv/bin/python -m alembic stamp aa01"),
        (
            {"worker": "docker compose run --rm -T app python -"},
            "docker compose run --rm -T app python -m alembic stamp aa01",
        ),
        ({"x": ("tenant=acme", "a=b c")}, "alembic -x tenant=acme -x 'a=b c' stamp aa01"),
        ({"url_env": "STAGING", "env_py_variable": "DSN"}, 'DSN="$STAGING" alembic stamp aa01'),
        ({"url_env": "DSN", "env_py_variable": "DSN"}, "alembic stamp aa01"),
        (
            {"flask": "app:create_app", "alembic_ini": "migrations/alembic.ini", "x": ("t=a",)},
            "flask --app app:create_app db stamp -x t=a aa01",
        ),
        (
            {"flask": "app", "alembic_ini": "db/alembic.ini", "python": "python3.12"},
            "python3.12 -m flask --app app db stamp -d db aa01",
        ),
    ],
)
def test_alembic_is_the_projects_own(fields: dict[str, Any], stamp: str) -> None:
    """Its Python, ini and section; the tenant that is meant, not the first one."""
    assert target(**fields).alembic("stamp aa01") == stamp


def test_a_command_repeats_the_values_that_only_this_run_was_given() -> None:
    """What stands in runbook.toml is read there again."""
    written = target(x=("tenant=acme",))
    assert written.verb("status") == "lexikon-runbook status --target staging"
    assert written.run("rollback") == "lexikon-runbook run rollback -p target=staging"
    other = written.with_x("tenant=b c, region=eu")
    assert other.verb("plan") == "lexikon-runbook plan --target staging -x 'tenant=b c,region=eu'"
    assert other.run("rollback") == (
        "lexikon-runbook run rollback -p target=staging -p x='tenant=b c,region=eu'"
    )


def test_pip_installs_into_the_projects_own_python() -> None:
    """Not into whichever environment is active."""
    assert target(python=".venv/bin/python").pip("install foo") == (
        ".venv/bin/python -m pip install foo"
    )
    assert target().pip("install foo") == "pip install foo"
