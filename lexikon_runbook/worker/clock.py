"""Another time for revisions: what they compute from the clock differs in a second rendering.

Two renderings at one moment agree on the time, and the run that follows them does not.
"""

from __future__ import annotations

import contextlib
import datetime as real
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

# Another year, month, day, hour, minute and second, whatever the resolution.
LATER = real.timedelta(days=400, hours=1, minutes=1, seconds=1)
S = LATER.total_seconds()
OWN_DATETIME, OWN_DATE = real.datetime, real.date


class _Kind(type):
    """The real values are instances of it: no value of another type is ever made."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.__mro__[1])

    def __call__(cls, *given: Any, **more: Any) -> Any:
        return cls.__mro__[1](*given, **more)


class Datetime(real.datetime, metaclass=_Kind):
    """`datetime.datetime` with a clock that is ahead."""

    @classmethod
    def now(cls, tz: real.tzinfo | None = None) -> Any:
        return OWN_DATETIME.now(tz) + LATER

    @classmethod
    def utcnow(cls) -> Any:
        return OWN_DATETIME.now(real.timezone.utc).replace(tzinfo=None) + LATER

    @classmethod
    def today(cls) -> Any:
        return OWN_DATETIME.now() + LATER


class Date(real.date, metaclass=_Kind):
    """`datetime.date` with a clock that is ahead."""

    @classmethod
    def today(cls) -> Any:
        return OWN_DATE.today() + LATER


def _of_now(function: Any) -> Any:
    """`localtime` and its like: ahead where no time is given."""
    return lambda seconds=None: function(time.time() + S if seconds is None else seconds)


def _strftime(form: str, at: Any = None) -> str:
    return time.strftime(form, time.localtime(time.time() + S) if at is None else at)


def _module(of: types.ModuleType, **others: Any) -> types.ModuleType:
    made = types.ModuleType(of.__name__)
    made.__dict__.update({**vars(of), **others})
    return made


OTHERS: dict[int, Any] = {id(real.datetime): Datetime, id(real.date): Date}
OTHERS[id(time.time)] = lambda: time.time() + S
OTHERS[id(time.time_ns)] = lambda: time.time_ns() + int(S * 1e9)
OTHERS[id(time.strftime)] = _strftime
for _each in (time.localtime, time.gmtime, time.ctime):
    OTHERS[id(_each)] = _of_now(_each)
OTHERS[id(time)] = _module(
    time, **{name: OTHERS[id(value)] for name, value in vars(time).items() if id(value) in OTHERS}
)
OTHERS[id(real)] = _module(real, datetime=Datetime, date=Date)


@contextlib.contextmanager
def ahead(modules: list[Any], project: str) -> Iterator[None]:
    """While this lasts, these modules and the project's own have a clock that is ahead.

    So has what they import only when they run.
    """
    own = [each for each in list(sys.modules.values()) if _is_of_project(each, project)]
    replaced = [(vars(module), name) for module in [*modules, *own] for name in _clocks(module)]
    kept = [(names, name, names[name]) for names, name in replaced]
    try:
        for names, name, value in kept:
            names[name] = OTHERS[id(value)]
        for module in (time, real):
            sys.modules[module.__name__] = OTHERS[id(module)]
        yield
    finally:
        for names, name, value in kept:
            names[name] = value
        for module in (time, real):
            sys.modules[module.__name__] = module


def _is_of_project(module: Any, project: str) -> bool:
    file = getattr(module, "__file__", None) or ""
    return file.startswith(project) and "site-packages" not in file


def _clocks(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if id(value) in OTHERS]
