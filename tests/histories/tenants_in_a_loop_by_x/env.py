"""Migrates one tenant after the other, or only the one that -x names."""

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
    given = context.get_x_argument(as_dictionary=True)
    for tenant in [given["only"]] if "only" in given else TENANTS:
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
