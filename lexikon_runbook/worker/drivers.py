"""A driver for a URL that names none: the one SQLAlchemy would take, else one that is there."""

from __future__ import annotations

import importlib.util

DRIVERS = ("psycopg2", "psycopg", "asyncpg")


def named(url: str) -> str:
    """The URL with a driver that can be imported here; as it is where SQLAlchemy's own can."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        return url
    from sqlalchemy.dialects import registry

    if importlib.util.find_spec(str(registry.load("postgresql").driver)):
        return url
    there = [driver for driver in DRIVERS if importlib.util.find_spec(driver)]
    return f"postgresql+{there[0]}://{rest}" if there else url
