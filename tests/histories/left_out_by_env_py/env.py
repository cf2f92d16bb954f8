"""Leaves out the schema of a job, tables and columns of others, and some indexes."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text, create_engine

from alembic import context

target_metadata = MetaData()
Table("notes", target_metadata, Column("id", Integer, primary_key=True), Column("body", Text))
Table(
    "tags",
    target_metadata,
    Column("name", Text, primary_key=True),
    Column("note", ForeignKey("notes.id"), info={"not_of_alembic": True}),
)


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Not what the administrators keep; `parents` says where it is, as Alembic writes it."""
    if kind == "schema":
        return name != "partman"
    if kind == "table":
        return parents["schema_qualified_table_name"] != "dba_sizes"
    return not (kind == "index" and str(name).endswith("_dba") and parents["schema_name"] is None)


def include_object(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Not a reflected table with a comment that says so, nor a column that its model says."""
    if kind == "table" and reflected:
        return "not of alembic" not in (item.comment or "") and other is None
    if kind == "column" and not reflected and other is not None:
        return not item.info.get("not_of_alembic")
    return not (kind == "column" and reflected and item.type.python_type is bytes)


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            include_schemas=True,
            include_name=include_name,
            include_object=include_object,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
