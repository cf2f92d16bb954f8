"""Makes the version table wide enough for its long names."""

import os
from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import Column, MetaData, String, Table, create_engine

from alembic import context

target_metadata = None


class WideImpl(PostgresqlImpl):
    """PostgreSQL's own, with a version table of 255 characters."""

    __dialect__ = "postgresql"

    def version_table_impl(
        self, *, version_table: str, version_table_schema: str | None, **_: Any
    ) -> Table:
        """The version table as Alembic creates it."""
        column = Column("version_num", String(255), primary_key=True)
        return Table(version_table, MetaData(), column, schema=version_table_schema)


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
