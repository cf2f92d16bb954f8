"""A statement as it is sent: its text with its values written into it, for whoever reads it. Pure.

Not SQL to run: the server gets text and values apart.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MOST_SHOWN = 20_000  # characters; what is compared is whole
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
PLACES = re.compile(r"%\((?P<name>[^)]+)\)s|(?P<percent>%%)|(?P<next>%s)|\$(?P<number>\d+)")
PLAIN = (int, float, decimal.Decimal)
QUOTED = (str, datetime.date, datetime.time, datetime.timedelta, uuid.UUID)


def told(statement: str, parameters: Any, many: bool) -> dict[str, Any]:
    """What the other side is told: the text, cut where it is long, and a key of all of it."""
    rows = list(_rows(parameters, many))
    first = written(statement, rows[0]) if rows else statement
    whole = hashlib.sha256(first.encode("utf-8", "backslashreplace"))
    for row in rows[1:]:
        whole.update(written(statement, row).encode("utf-8", "backslashreplace"))
    return {
        "text": first[:MOST_SHOWN],
        "key": whole.hexdigest()[:32],
        "times": max(1, len(rows)),
    }


def _rows(parameters: Any, many: bool) -> Iterable[Any]:
    """The sets of values that a statement is sent with; none for a statement without values."""
    if not parameters:
        return []
    return parameters if many else [parameters]


def written(statement: str, values: Any) -> str:
    """The text with its values in their places, whatever style of placeholder the driver has."""
    if not values:
        return statement
    named: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
    placed: Sequence[Any] = () if named else list(values)
    following: Iterator[Any] = iter(placed)

    def value(match: re.Match[str]) -> str:
        if match["percent"]:
            return "%"
        if match["name"] is not None:
            return literal(named[match["name"]]) if match["name"] in named else match[0]
        if match["next"]:
            return next((literal(each) for each in following), match[0])
        number = int(match["number"])
        return literal(placed[number - 1]) if 0 < number <= len(placed) else match[0]

    return PLACES.sub(value, statement)


def literal(value: Any) -> str:
    """One value as SQL would spell it."""
    value = getattr(value, "adapted", value)  # psycopg2's Json and its like
    value = getattr(value, "obj", value)  # psycopg's
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, PLAIN):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"'\\x{bytes(value).hex()}'"
    if isinstance(value, (list, tuple)):
        return "ARRAY[{}]".format(", ".join(map(literal, value)))
    text = str(value) if isinstance(value, QUOTED) else ADDRESS.sub("", repr(value))
    return "'{}'".format(text.replace("'", "''"))
