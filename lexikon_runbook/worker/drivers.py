"""Drivers: one for a URL that names none, and what each tells of a session in its own way."""

from __future__ import annotations

import importlib.util
from typing import Any

DRIVERS = ("psycopg2", "psycopg", "asyncpg")
AUTOCOMMIT = "AUTOCOMMIT"


def named(url: str) -> str:
    """The URL with a driver that can be imported here; as it is where SQLAlchemy's own can.

    The one that SQLAlchemy would take, else one that is there.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        return url
    from sqlalchemy.dialects import registry

    if importlib.util.find_spec(str(registry.load("postgresql").driver)):
        return url
    there = [driver for driver in DRIVERS if importlib.util.find_spec(driver)]
    return f"postgresql+{there[0]}://{rest}" if there else url


def process_number(connection: Any) -> int | None:
    """The process number that the driver was given on connecting; None where it does not say."""
    driver = getattr(connection, "driver_connection", connection)  # asyncpg's is wrapped
    if hasattr(driver, "get_server_pid"):
        return int(driver.get_server_pid())
    number = getattr(getattr(driver, "info", None), "backend_pid", None)
    return None if number is None else int(number)


def row_count(cursor: Any) -> int:
    """How many rows the last statement is said to have touched; -1 where that is not known."""
    try:
        return int(cursor.rowcount)
    except Exception:
        return -1


def autocommit(connection: Any) -> bool:
    """Whether each statement commits itself: the engine's option, or the driver's own mode."""
    options = connection.get_execution_options()
    raw = getattr(connection.connection, "driver_connection", None) or connection.connection
    return options.get("isolation_level") == AUTOCOMMIT or getattr(raw, "autocommit", 0) is True
