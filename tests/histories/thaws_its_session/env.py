"""Makes its own session one that writes, whatever its role is set to."""

import os

from sqlalchemy import create_engine, text

from alembic import context

HOW = os.environ.get("HOW", "SET default_transaction_read_only = off")
OPTIONS = {"postgresql_readonly": False} if HOW == "the driver" else {}


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    engine = create_engine(os.environ["DATABASE_URL"])
    with engine.connect().execution_options(**OPTIONS) as connection:
        if HOW != "the driver":
            connection.execute(text(HOW))
        if "default" in HOW:
            connection.commit()
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS audit"))
        connection.commit()
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
