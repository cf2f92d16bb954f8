"""Reads a variable of its own."""

import os

from sqlalchemy import create_engine

from alembic import context

config = context.config


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    url = os.environ["MYAPP_DSN"].replace("postgresql://", "postgresql+psycopg2://")
    connectable = create_engine(url)
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
