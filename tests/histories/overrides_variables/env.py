"""Replaces the variable of the URL, as load_dotenv(override=True) does."""

import os

from sqlalchemy import create_engine

from alembic import context

os.environ["TEST_TARGET_URL"] = os.environ["MYAPP_DSN"]
os.environ["ADDED"] = "by env.py"
config = context.config


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    url = os.environ["TEST_TARGET_URL"].replace("postgresql://", "postgresql+psycopg2://")
    connectable = create_engine(url)
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
