"""Has an include_object that knows of nothing but what the models have."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import MetaData, create_engine

from alembic import context

OWNERS = {"notes": "docs", "tags": "search"}


def include_object(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Fails for a table that nobody owns."""
    return kind != "table" or OWNERS[str(name)] == "docs"


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        context.configure(
            connection=connection, target_metadata=MetaData(), include_object=include_object
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
