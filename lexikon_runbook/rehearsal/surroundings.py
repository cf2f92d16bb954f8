"""What revisions expect from outside, made in a throwaway database before the first one runs."""

from __future__ import annotations

import contextlib

from ..postgres import connections
from ..postgres.connections import Connection
from ..postgres.names import quoted, quoted_name
from ..project.process import Message
from ..targets.settings import Target
from . import not_built
from .likeness import AS_ALEMBIC, Likeness

PUBLIC = "public"


def set_as_there(connection: Connection, database: str, wanted: Likeness) -> None:
    """Give a database (its name in quotes) the settings that the target's own has."""
    for name, value in wanted.settings:
        with contextlib.suppress(connections.Error):  # an extension may own its prefix
            sql = f"alter database {database} set {quoted(name)} to %s"
            connections.rows(connection, sql, (value,))


def extend(connection: Connection, target: Target, wanted: Likeness, name: str) -> None:
    """Create an extension, in the schema where the target has it. Raises NotBuilt."""
    schema = dict(wanted.extended).get(name, PUBLIC)
    place = "" if schema == PUBLIC else f" schema {quoted_name(schema)}"
    try:
        if place and schema != "pg_catalog":
            connections.rows(connection, f"create schema if not exists {quoted_name(schema)}")
        sql = f"create extension if not exists {quoted_name(name)}{place} cascade"
        connections.rows(connection, sql)
    except connections.Error as error:
        code = str(error.pgcode)
        raise not_built.without_extension(target, name, str(error), code) from None


def version_table(connection: Connection, wanted: Likeness, place: Message) -> str:
    """Where the version rows will be. Makes what Alembic would not make, or not as wide."""
    schema = str(place["schema"] or place["found_in"] or wanted.schema)
    if schema:
        own = quoted_name(schema)
        connections.rows(connection, f"create schema if not exists {own}")
    name = f"{schema}.{place['table']}".lstrip(".")
    if wanted.version_type not in ("", AS_ALEMBIC) and not place["tracked"]:
        key = quoted_name(f"{place['table']}_pkc")
        connections.rows(
            connection,
            f"create table {quoted(name)} (version_num {wanted.version_type}"
            f" not null constraint {key} primary key)",
        )
    return name
