"""The Python entrances of PostgreSQL's drivers, which connect in C: no audit event tells of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Callable

Check = Callable[[str, Sequence[Any], Mapping[str, Any]], None]


def guard(check: Check) -> None:
    """Have `check` called before each connection of a driver that is installed.

    With the entrance's name and what is given to it; what it raises refuses. Changes the
    drivers' modules for good.
    """
    for functions in (_functions_of_psycopg2, _functions_of_psycopg):
        with contextlib.suppress(ImportError):
            functions(check)


def guard_classes(check: Check) -> None:
    """The same for the drivers' classes, which others are put in place of: see `guard`."""
    for classes in (_class_of_psycopg2, _class_of_psycopg):
        with contextlib.suppress(ImportError):
            classes(check)


def _functions_of_psycopg2(check: Check) -> None:
    import psycopg2

    own: Any = psycopg2
    own._connect = _checked(check, "psycopg2.connect", own._connect)


def _class_of_psycopg2(check: Check) -> None:
    import psycopg2.extensions

    real = psycopg2.extensions.connection

    class connection(real):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            check("psycopg2.connect", args, kwargs)
            super().__init__(*args, **kwargs)

    psycopg2.extensions.connection = connection  # type: ignore[misc]


def _functions_of_psycopg(check: Check) -> None:
    import psycopg

    own: Any = psycopg
    for class_ in (own.Connection, own.AsyncConnection):
        real = class_.__dict__["connect"].__func__

        class_.connect = classmethod(_checked(check, "psycopg.connect", real))
    own.connect = own.Connection.connect


def _class_of_psycopg(check: Check) -> None:
    import psycopg.pq

    own: Any = psycopg.pq
    real = own.PGconn  # mostly of C, whose methods can't be replaced

    class PGconn(real):  # type: ignore[valid-type, misc]
        connect = staticmethod(_checked(check, "psycopg.pq.PGconn.connect", real.connect))
        connect_start = staticmethod(
            _checked(check, "psycopg.pq.PGconn.connect_start", real.connect_start)
        )

    implementation: Any = sys.modules[real.__module__]
    own.PGconn = implementation.PGconn = PGconn


def _checked(check: Check, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def connect(*args: Any, **kwargs: Any) -> Any:
        check(name, args, kwargs)
        return real(*args, **kwargs)

    return connect
