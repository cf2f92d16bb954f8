"""Models with a column that no revision adds."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, create_engine
from sqlalchemy.pool import NullPool

from alembic import context

config = context.config
metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("author", Text),
    Column("title", Text),
    Index("ix_notes_author", "author"),
)
Table("tags", metadata, Column("name", Text, primary_key=True))


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    engine = create_engine(config.get_main_option("sqlalchemy.url"), poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
