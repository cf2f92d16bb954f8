"""Makes the schema of its tables and of its version table, as many do."""

import os

from sqlalchemy import create_engine

from alembic import context

SCHEMA = "clinic"


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True, version_table_schema=SCHEMA)
    with context.begin_transaction():
        context.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        context.configure(connection=connection, version_table_schema=SCHEMA, include_schemas=True)
        with context.begin_transaction():
            context.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
