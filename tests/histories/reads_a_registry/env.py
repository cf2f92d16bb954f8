"""Reads from a database of all tenants, the registry, where the migrations of this one go."""

import os

from sqlalchemy import create_engine, text

from alembic import context

FIRST = os.environ.get("REGISTRY") == "first"
SQL = os.environ.get("REGISTRY_SQL", "SELECT current_database()")


def of_registry() -> None:
    with create_engine(os.environ["REGISTRY_URL"]).begin() as connection:
        connection.execute(text(SQL))


def run_migrations_offline() -> None:
    of_registry()
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    if FIRST:
        of_registry()
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            if not FIRST:
                of_registry()
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
