"""Opens the driver's connection itself, past the engine's own way."""

import os

import psycopg2
from sqlalchemy import create_engine

from alembic import context

config = context.config


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(
        "postgresql+psycopg2://", creator=lambda: psycopg2.connect(os.environ["MYAPP_DSN"])
    )
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
