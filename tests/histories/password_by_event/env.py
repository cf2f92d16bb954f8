"""Hands in a short-lived password when it connects, as cloud databases want it."""

import os

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url

from alembic import context

config = context.config


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    url = make_url(config.get_main_option("sqlalchemy.url"))
    connectable = create_engine(url.set(password=None))

    @event.listens_for(connectable, "do_connect")
    def hand_in(dialect, record, arguments, keywords):
        keywords["password"] = os.environ["MYAPP_TOKEN"]

    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
