"""Alembic's environment for Lexikon's database.

Connects to the URL that the caller put in `sqlalchemy.url`, else to DATABASE_URL.
Nothing runs on the connection before `context.configure()`: a statement there begins
an outer transaction, and Alembic then reports success without committing.
"""

import os
from configparser import InterpolationError
from logging.config import fileConfig

from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from alembic import context, util
from lexikon_runbook.database import url_from
from lexikon_runbook.errors import NOTHING_CHANGED, SettingsError
from lexikon_runbook.models import Base

config = context.config


def database_url() -> URL:
    """The database to connect to. Reads only; no error shows any part of the URL."""
    try:
        text = config.get_main_option("sqlalchemy.url") or os.environ.get("DATABASE_URL", "")
    except InterpolationError:
        raise util.CommandError("sqlalchemy.url holds a %; write it %% in an ini file.") from None
    try:
        if not text.strip():
            raise SettingsError(
                "no database is named: DATABASE_URL is not set.",
                state=NOTHING_CHANGED,
                next_step="export DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/DATABASE",
            )
        return url_from(text.strip())
    except SettingsError as refusal:
        # A CommandError is what the alembic command shows without a traceback.
        raise util.CommandError(str(refusal)) from refusal


def run_offline() -> None:
    """Write the SQL to standard output; needs no database."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run each revision on the database in a transaction of its own."""
    engine = create_engine(database_url(), poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


# A caller that has its own logging sets attributes["configure_logger"] = False.
if config.config_file_name and config.attributes.get("configure_logger", True):
    fileConfig(config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    run_offline()
else:
    run_online()
