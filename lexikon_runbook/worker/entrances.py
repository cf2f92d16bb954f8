"""The Python entrances of PostgreSQL's drivers, which connect in C: no audit event tells of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Callable

Given = tuple[Sequence[Any], Mapping[str, Any]]
Check = Callable[[str, Sequence[Any], Mapping[str, Any]], Given]
# What libpq takes from the environment where it is not given.
VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "options": "PGOPTIONS",
}


def guard(check: Check) -> None:
    """Have `check` called before each connection of a driver that is installed.

    With the entrance's name and what is given to it; it returns what the driver is to be given,
    and what it raises refuses. Changes the drivers' modules for good.
    """
    for functions in (_functions_of_psycopg2, _functions_of_psycopg):
        with contextlib.suppress(ImportError):
            functions(check)


def guard_classes(check: Check) -> None:
    """The same for the drivers' classes, which others are put in place of: see `guard`."""
    for classes in (_class_of_psycopg2, _class_of_psycopg):
        with contextlib.suppress(ImportError):
            classes(check)


def asked(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Which place and database an entrance is asked for, and with which options."""
    parse: Any
    if name.startswith("psycopg2"):
        from psycopg2.extensions import parse_dsn as parse
    else:
        from psycopg.conninfo import conninfo_to_dict as parse
    text = os.fsdecode(_conninfo(args, kwargs))
    found = dict(parse(text) if text else {})
    found.update({key: value for key, value in kwargs.items() if value is not None})
    return {
        key: str(found.get(key) or os.environ.get(variable, ""))
        for key, variable in VARIABLES.items()
    }


def with_options(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], more: str) -> Given:
    """What an entrance is given, with these options of libpq's after its own: the last hold."""
    options = asked(name, args, kwargs)["options"]
    if options.endswith(more):  # one entrance leads through another
        return args, kwargs
    options = f"{options} {more}".strip()
    if name == "psycopg.connect":
        return args, dict(kwargs, options=options)
    make: Any
    if name.startswith("psycopg2"):
        from psycopg2.extensions import make_dsn as make
    else:
        from psycopg.conninfo import make_conninfo as make
    known = _conninfo(args, kwargs)
    text: Any = make(os.fsdecode(known), options=options)
    text = text.encode() if isinstance(known, bytes) else text
    for key in {"dsn", "conninfo"} & set(kwargs):
        return args, dict(kwargs, **{key: text})
    return [text, *args[1:]], kwargs


def _conninfo(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The one text of libpq's among what an entrance is given; "" where there is none."""
    given = [*args, kwargs.get("dsn"), kwargs.get("conninfo")]
    return next((each for each in given if isinstance(each, (str, bytes))), "")


def _functions_of_psycopg2(check: Check) -> None:
    import psycopg2

    own: Any = psycopg2
    own._connect = _checked(check, "psycopg2.connect", own._connect)


def _class_of_psycopg2(check: Check) -> None:
    import psycopg2.extensions

    real = psycopg2.extensions.connection

    class connection(real):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            args, kwargs = check("psycopg2.connect", args, kwargs)  # type: ignore[assignment]
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
        args, kwargs = check(name, args, kwargs)  # type: ignore[assignment]
        return real(*args, **kwargs)

    return connect
