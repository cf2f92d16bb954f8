"""Migrates one tenant after the other, each in a transaction of its own."""

import os

from sqlalchemy import create_engine, text

from alembic import context

TENANTS = ("acme", "globex", "initech")


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    for tenant in TENANTS:
        with connectable.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {tenant}"))
            connection.execute(text(f"SET search_path TO {tenant}"))
            connection.commit()
            context.configure(connection=connection, version_table_schema=tenant)
            with context.begin_transaction():
                context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
