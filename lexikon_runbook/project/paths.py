"""The project's folder as a worker has it, where that is another place: in a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Paths:
    """The same folder `here` and `there`; "" there is the same place."""

    here: str
    there: str = ""

    def out(self, value: Any) -> Any:
        """What is said to the worker: each path in it as it is there. Pure."""
        return _moved(value, self.here, self.there) if self.there else value

    def back(self, value: Any) -> Any:
        """What the worker says: each path in it as it is here. Pure."""
        return _moved(value, self.there, self.here) if self.there else value


def _moved(value: Any, before: str, after: str) -> Any:
    if isinstance(value, str):
        inside = value == before or value.startswith(f"{before}/")
        return after + value[len(before) :] if inside else value
    if isinstance(value, dict):
        return {key: _moved(each, before, after) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_moved(each, before, after) for each in value]
    return value
