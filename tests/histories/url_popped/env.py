"""Takes the URL out of its section, and gives the rest to the engine."""

from sqlalchemy import create_engine

from alembic import context

section = context.config.get_section(context.config.config_ini_section, {})
url = section.pop("sqlalchemy.url")


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(url, pool_pre_ping=True)
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
