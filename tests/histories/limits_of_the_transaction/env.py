"""Takes a lock and sets a limit that end with the one transaction of the whole chain."""

import os

from sqlalchemy import create_engine, text

from alembic import context

target_metadata = None


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(20240131)"))
        connection.execute(text("SET LOCAL work_mem = '17MB'"))
        context.configure(connection=connection)
        context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
