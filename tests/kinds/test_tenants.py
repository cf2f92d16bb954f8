"""A schema for each tenant, and several version tables in one database."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from kind import Kind, versions

from lexikon_runbook.errors import RunbookError

Maker = Callable[..., Kind]
ROWS = {
    "tenant_by_search_path": ({"x": ["tenant=acme"]}, "ts"),
    "tenant_by_translate_map": ({"x": ["tenant=acme"]}, "tm"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_tenant_goes_up_and_down_in_its_own_schema(kind: Maker, name: str) -> None:
    """The first deploy makes schema and version table, as plain Alembic does."""
    keys, revision = ROWS[name]
    kind(name, **keys).follow(f"""
        upgrade {revision}01: {revision}01
        upgrade heads: {revision}02
        downgrade -1: {revision}01
        upgrade heads: {revision}02
    """)


@pytest.mark.parametrize("name", ROWS)
def test_a_second_tenant_begins_at_nothing(kind: Maker, name: str) -> None:
    """The first one's version table is not its own; no table is made by hand."""
    keys, revision = ROWS[name]
    first = kind(name, **keys)
    first.move("upgrade", "heads")
    second = kind(name, x=["tenant=globex"])
    second.follow(f"""
        upgrade {revision}01: {revision}02 {revision}01
        upgrade heads: {revision}02 {revision}02
        downgrade base: {revision}02
    """)
    assert versions(second.database) == {
        "acme.alembic_version": [f"{revision}02"],
        "globex.alembic_version": [],
    }


def test_a_parameter_names_the_tenant(kind: Maker) -> None:
    """`x` of a run stands before what the target says, and is in its record."""
    project = kind("tenant_by_search_path")
    record = project.deploy(x="tenant=globex", approve="")
    assert record.outcome == "succeeded"
    assert list(versions(project.database)) == ["globex.alembic_version"]


def test_a_missing_tenant_is_asked_for(kind: Maker) -> None:
    """In the words of env.py, with the place where such a value is given."""
    project = kind("tenant_by_search_path")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "name the tenant" in str(stop.value)
    assert "x" in re.split(r"\W", stop.value.next_step)
    assert project.at() == ""


def test_the_table_of_the_tenant_is_shown_and_dropped(kind: Maker) -> None:
    """Not the one of the same name in public, which belongs to somebody else."""
    project = kind("tenant_by_translate_map", x=["tenant=acme"])
    project.database.execute("create table public.bills (id integer, note text)")
    project.deploy()
    project.database.execute("insert into acme.bills select g, 'n' from generate_series(1, 70) g")
    shown = project.plan("base")
    assert "DROP TABLE acme.bills" in str(shown)
    assert "table acme.bills: 70 rows" in str(shown)
    assert shown.needs_approval
    project.rollback("base")
    assert _places(project, "bills") == ["public"]


def test_what_a_backup_is_told_to_keep_is_the_tenants(kind: Maker) -> None:
    """The session that runs pg_dump looks names up in public."""
    project = kind("tenant_by_search_path", x=["tenant=acme"])
    project.deploy()
    assert "pg_dump -Fc -d URL -t 'acme." in str(project.plan("base"))


def test_a_loop_over_tenants_that_takes_x_is_asked_for_one(kind: Maker) -> None:
    """Unedited, its env.py runs for the one that -x names, as the refusal says."""
    project = kind("tenants_in_a_loop_by_x")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "keeps several version tables in one run: acme.alembic_version, glo" in str(stop.value)
    assert stop.value.next_step == (
        'env.py takes values of -x: make each a target of its own, with x = ["only=..."] in its '
        "table of runbook.toml; or name one for this run: -p x=only=...."
    )
    assert project.at() == ""
    project.deploy(x="only=globex")
    assert versions(project.database) == {"globex.alembic_version": ["tl02"]}
    kind("tenants_in_a_loop_by_x", x=["only=acme"]).deploy("tl01")
    assert versions(project.database)["acme.alembic_version"] == ["tl01"]


def test_a_loop_over_tenants_without_a_switch_is_told_what_can_be_done(kind: Maker) -> None:
    """Plain Alembic runs it; with the line that is shown, each tenant is a target here."""
    project = kind("tenants_in_a_loop")
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "keeps several version tables in one run" in str(stop.value)
    advice = stop.value.next_step
    assert "env.py has no switch for one of them, and a run here is of one version table:" in advice
    assert 'only `DATABASE_URL="$TEST_TARGET_URL" alembic upgrade heads` runs it' in advice
    assert 'x = ["tenant=..."]' in advice
    assert project.at() == ""
    line = advice.partition(": continue`")[0].rpartition("`")[2].replace("NAME", "tenant")
    env, loop = project.folder / "env.py", "    for tenant in TENANTS:\n"
    skip = f"{loop}        {line}:\n            continue\n"
    env.write_text(env.read_text().replace(loop, skip))
    project.deploy(x="tenant=initech")
    assert versions(project.database) == {"initech.alembic_version": ["tl02"]}


def test_a_loop_over_tenants_by_a_variable_is_asked_to_set_it(
    kind: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named as env.py names it."""
    project = kind("tenants_in_a_loop")
    env = project.folder / "env.py"
    chosen = '(os.environ["TENANT"],) if "TENANT" in os.environ else TENANTS'
    env.write_text(env.read_text().replace("in TENANTS:", f"in {chosen}:"))
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    how = "where that names one of them, set it for the run: TENANT=... lexikon-runbook run deploy"
    assert f"env.py reads TENANT: {how} -p target=here. Else" in stop.value.next_step
    monkeypatch.setenv("TENANT", "acme")
    project.deploy()
    assert versions(project.database) == {"acme.alembic_version": ["tl02"]}


def test_sections_with_version_tables_of_their_own_share_a_database(kind: Maker) -> None:
    """Each section is a target; neither takes the other's rows for its own."""
    kind("tables_by_section", alembic_section="core").follow("""
        upgrade heads: co02
        downgrade -1: co01
    """)
    audit = kind("tables_by_section", alembic_section="audit")
    audit.move("upgrade", "heads")
    assert versions(audit.database) == {
        "audit.alembic_version_audit": ["au01"],
        "public.alembic_version_core": ["co01"],
    }
    audit.move("downgrade", "base")
    kind("tables_by_section", alembic_section="core").move("upgrade", "heads")


def test_one_version_table_in_a_schema_of_its_own(kind: Maker) -> None:
    """A schema that stands there from outside, and a table with another name."""
    project = kind("version_table_elsewhere")
    for database in (project.database, project.twin):
        database.execute("create schema keep")
    project.follow("""
        upgrade head: aa04
        downgrade aa02: aa02
    """)


def _places(project: Kind, table: str) -> list[Any]:
    sql = "select schemaname from pg_tables where tablename = %s order by 1"
    return [row[0] for row in project.database.rows(sql, table)]
