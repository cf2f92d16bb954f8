"""Knows no offline mode: always connects."""

import os

from sqlalchemy import create_engine

from alembic import context

target_metadata = None


def run_migrations() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
