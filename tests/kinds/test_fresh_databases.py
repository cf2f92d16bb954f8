"""A throwaway database gets what the revisions expect from outside, and no trace of it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kind import Kind
from servers import Database

from lexikon_runbook.errors import RunbookError

Maker = Callable[..., Kind]
ROLES = ("histories_reader", "histories_writer")
BUILT: list[tuple[str, dict[str, Any]]] = [
    ("creates_a_role_if_missing", {}),
    ("creates_an_extension", {}),
    ("creates_its_schema", {}),
    ("flask_app", {"flask": "app:create_app"}),
    ("independent_trees", {}),
    ("settings_cached_at_import", {}),
    ("tables_by_section", {"alembic_section": "audit"}),
    ("tenant_by_search_path", {"x": ["tenant=acme"]}),
    ("tenant_by_translate_map", {"x": ["tenant=acme"]}),
    ("url_popped", {}),
    ("url_set_unescaped", {"env_py_variable": "MYAPP_DSN"}),
    ("version_table_elsewhere", {}),
    ("wide_by_impl", {}),
]


@pytest.fixture(autouse=True)
def no_roles_stay(database: Database) -> Iterator[None]:
    """Roles are the cluster's: those of a revision go with the test."""
    yield
    for role in ROLES:
        if database.rows("select from pg_roles where rolname = %s", role):
            database.execute(f"drop owned by {role} cascade; drop role {role}")


@pytest.mark.parametrize(("name", "keys"), BUILT, ids=[row[0] for row in BUILT])
def test_a_deployed_database_is_what_its_migrations_build(
    kind: Maker, name: str, keys: dict[str, Any]
) -> None:
    """The drift check builds it anew on the same cluster, and leaves no database and no role."""
    project = kind(name, **keys)
    if name == "version_table_elsewhere":
        project.database.execute("create schema keep")
    project.deploy()
    before = _of_the_cluster(project)
    ended = project.runbook("inspect_schema", fail_on_drift="true")
    assert ended.returncode == 0, ended.stderr
    assert _of_the_cluster(project) == before


def test_what_drifted_is_told_although_a_module_caches_the_url(kind: Maker) -> None:
    """Target and throwaway database are never the same one by a cached setting."""
    project = kind("settings_cached_at_import")
    project.deploy()
    project.database.execute("create table by_hand (id integer)")
    ended = project.runbook("inspect_schema", fail_on_drift="true")
    assert ended.returncode == 1
    assert "by_hand" in ended.stdout + ended.stderr


def test_an_extension_of_an_administrator_is_there_when_the_target_names_it(kind: Maker) -> None:
    """`extensions` of the target: created in the throwaway database before its revisions run."""
    project = kind("plain")
    offered = {row[0] for row in project.database.rows("select name from pg_available_extensions")}
    extension = min({"citext", "vector"} & offered)
    project = kind(f"expects_{extension}", extensions=[extension])
    for database in (project.database, project.twin):
        database.execute(f"create extension {extension}")
    project.move("upgrade", "head")
    ended = project.runbook("inspect_schema", fail_on_drift="true")
    assert ended.returncode == 0, ended.stderr


def test_an_extension_that_no_server_has_is_the_reason(kind: Maker) -> None:
    """The server's own words, and not that the revision is to be mended."""
    project = kind("needs_an_extension")
    assert "histories_geometry" in project.plainly("upgrade", "head").stderr
    with pytest.raises(RunbookError) as stop:
        project.deploy()
    assert "histories_geometry" in str(stop.value)
    assert "edit" not in stop.value.next_step


def _of_the_cluster(project: Kind) -> list[tuple[Any, ...]]:
    """Databases and roles of the server that are there now."""
    return project.database.rows(
        "select datname::text from pg_database union all select rolname::text from pg_roles"
        " order by 1"
    )


def test_extensions_and_settings_are_where_the_target_has_them(kind: Maker) -> None:
    """A type is asked for in the extension's schema, and a setting of the application's own."""
    project = kind("plain", extensions=["vector"])
    project.database.execute(
        "create schema ext; create extension vector schema ext; "
        f"alter database {project.database.name} set app.tenant = 'acme'"
    )
    file = next(project.folder.rglob("aa02*.py"))
    head, _, rest = file.read_text().partition("def upgrade() -> None:\n")
    asks = """
    op.execute("CREATE TABLE readers (place ext.vector(2), name text)")
    op.execute("INSERT INTO readers SELECT NULL, current_setting('app.tenant')")
"""
    file.write_text(f"{head}def upgrade() -> None:{asks}\n\n{rest[rest.index('def downgrade') :]}")
    project.deploy("aa02")
    ended = project.runbook("inspect_schema", fail_on_drift="true")
    assert "is unknown" not in ended.stdout + ended.stderr
