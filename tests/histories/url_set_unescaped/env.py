"""Writes the URL into the ini's place without doubling its %."""

import os

from sqlalchemy import create_engine

from alembic import context

context.config.set_main_option("sqlalchemy.url", os.environ["MYAPP_DSN"])

config = context.config


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(config.get_main_option("sqlalchemy.url"))
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
