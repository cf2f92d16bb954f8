"""Sets limits of its own on its connection, as a guide on safe migrations says."""

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
    with connectable.connect() as connection:
        connection.execute(text("SET lock_timeout = '47s'"))
        connection.execute(text("SET statement_timeout = 0"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
