"""A schema for each tenant, named on the command line and made when it is not there."""

import os

from sqlalchemy import create_engine, text

from alembic import context

tenant = context.get_x_argument(as_dictionary=True).get("tenant")
if tenant is None:
    raise RuntimeError("name the tenant: alembic -x tenant=NAME upgrade head")


def run_migrations_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    connectable = create_engine(os.environ["DATABASE_URL"])
    with connectable.connect() as connection:
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{tenant}"'))
        connection.execute(text(f'SET search_path TO "{tenant}"'))
        connection.commit()
        connection.dialect.default_schema_name = tenant
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
