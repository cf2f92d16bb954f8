"""The project's own modules, as env.py imports them: anew once a file of them has changed."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

Stamp = tuple[int, int]


class Imports:
    """Keeps what env.py imported from the project out of the kernel between its runs.

    A kernel lives for hours, and a model that is edited meanwhile must be read again. Modules
    whose files are unchanged are put back as they were: some may be imported only once.
    """

    def __init__(self, project: Path) -> None:
        self._project = project.resolve()
        self._kept: dict[str, ModuleType] = {}
        self._stamps: dict[str, Stamp | None] = {}

    @contextlib.contextmanager
    def of_project(self) -> Iterator[None]:
        """Around a run of env.py. Changes `sys.modules` meanwhile, and puts it back."""
        importlib.invalidate_caches()
        if any(self._stamps[name] != _stamp(module) for name, module in self._kept.items()):
            self._kept, self._stamps = {}, {}
        sys.modules.update(self._kept)
        before = sys.modules.keys() - self._kept.keys()
        try:
            yield
        finally:
            new = [name for name in sys.modules if name not in before and self._own(name)]
            self._kept = {name: sys.modules.pop(name) for name in new}
            self._stamps = {name: _stamp(module) for name, module in self._kept.items()}

    def _own(self, name: str) -> bool:
        """Whether a module is the project's: not installed, and not of this package's stages."""
        place = _place(sys.modules[name])
        if place is None or "site-packages" in place.parts:
            return False
        own_package = name.partition(".")[0] == __name__.partition(".")[0]
        models = f"{__name__.partition('.')[0]}.models"  # Lexikon's own, for the demo
        return place.is_relative_to(self._project) and (not own_package or name == models)


def _place(module: ModuleType) -> Path | None:
    """A module's file, or the folder of a package without an __init__.py."""
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return next((Path(place) for place in places if place), None)


def _stamp(module: ModuleType) -> Stamp | None:
    """What changes when a module's file is written; None for a folder, or a file that is gone."""
    try:
        place = _place(module)
        found = place.stat() if place and place.is_file() else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None
