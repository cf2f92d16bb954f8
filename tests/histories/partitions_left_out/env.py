"""Leaves the partitions out of every comparison."""

import os
from typing import Any

from models import metadata as target_metadata
from sqlalchemy import create_engine

from alembic import context


def include_object(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Not the partitions, which a job creates and drops."""
    return not (kind == "table" and reflected and str(name).startswith("clicks_"))


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
            include_object=include_object,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
