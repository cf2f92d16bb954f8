"""Sends every table that names no schema, and the version table, into the tenant's."""

import os

from sqlalchemy import create_engine, text

from alembic import context

tenant = context.get_x_argument(as_dictionary=True).get("tenant", "acme")


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        connection = connection.execution_options(schema_translate_map={None: tenant})
        context.configure(connection=connection, version_table_schema=tenant)
        with context.begin_transaction():
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{tenant}"'))
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
