"""Never closes its connection; reads config.attributes and -x."""

from sqlalchemy import create_engine

from alembic import context

config = context.config
extra = context.get_x_argument(as_dictionary=True)
connection = config.attributes.get("connection", None)

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
else:
    url = extra.get("url") or config.get_main_option("sqlalchemy.url")
    connection = connection or create_engine(url).connect()
    context.configure(connection=connection)

with context.begin_transaction():
    context.run_migrations()
