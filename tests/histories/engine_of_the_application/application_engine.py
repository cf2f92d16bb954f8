"""The application's own module."""

import os

from sqlalchemy import create_engine

connectable = create_engine(
    os.environ["MYAPP_DSN"].replace("postgresql://", "postgresql+psycopg2://")
)
