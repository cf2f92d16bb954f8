"""Migrates its own database and a second one, as the template multidb does."""

import os

from sqlalchemy import create_engine

from alembic import context


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    for name in ("DATABASE_URL", "REGISTRY_URL"):
        with create_engine(os.environ[name]).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
