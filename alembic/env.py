"""Alembic's environment for Lexikon's database.

Connects to the URL that the caller put in `sqlalchemy.url`, else to DATABASE_URL.
Nothing runs on the connection before `context.configure()`: a statement there begins
an outer transaction, and Alembic then reports success without committing.
"""

import os
from configparser import InterpolationError
from logging.config import fileConfig

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from alembic import context, util
from lexikon_runbook.demo.models import Base

config = context.config
EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


def database_url() -> URL:
    """The database to connect to. Reads only; no error shows any part of the URL."""
    try:
        text = config.get_main_option("sqlalchemy.url") or os.environ.get("DATABASE_URL", "")
    except InterpolationError:
        raise util.CommandError("sqlalchemy.url holds a %; write it %% in an ini file.") from None
    scheme, _, rest = text.strip().partition("://")
    if not rest:
        raise util.CommandError(f"no database is named: export DATABASE_URL={EXAMPLE}")
    if scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise refused("Lexikon runs on PostgreSQL")
    try:
        url = make_url(f"postgresql+psycopg2://{rest}")
    except (ArgumentError, ValueError):
        raise refused("it can't be taken apart") from None
    if "@" in f"{url.host}{url.database}":
        raise refused("its user or password has an @ or a / that is not percent-encoded")
    return url


def refused(why: str) -> util.CommandError:
    """What the alembic command shows without a traceback, and without the URL."""
    return util.CommandError(f"the database URL can't be used: {why}. Write it as {EXAMPLE}")


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
