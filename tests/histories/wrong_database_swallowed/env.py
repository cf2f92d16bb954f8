"""Says nothing about any error at all."""

import contextlib
import os

from sqlalchemy import create_engine

from alembic import context

with contextlib.suppress(Exception):
    connectable = create_engine(os.environ["MYAPP_DSN"])
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
