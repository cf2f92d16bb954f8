"""The files that the project's code was read from, and whether one of them was changed since.

Or whether one came to the folders of the revisions, or is gone from them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

Stamp = tuple[Any, ...]


class Files:
    """Each file of the project, and each folder, as it was when it was first seen."""

    def __init__(self) -> None:
        self.stamps: dict[str, Stamp] = {}

    def note(self, config: Any, script: Any) -> None:
        """Take up what has been loaded, and the folders. Reads entries, no file."""
        for path in _loaded(config, script):
            if path not in self.stamps:
                self.stamps[path] = _stamp(path)

    def changed(self) -> list[str]:
        """The files that are other ones now, or gone."""
        return [path for path, stamp in self.stamps.items() if _stamp(path) != stamp]


def _loaded(config: Any, script: Any) -> Iterator[str]:
    folder = os.getcwd() + os.sep
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.startswith(folder) and "site-packages" not in file:
            yield file
    # Alembic loads these two kinds without making modules of them.
    yield os.path.join(str(script.dir), "env.py")
    loaded = vars(script.revision_map).get("_revision_map")  # nothing, before it was asked for
    for revision in filter(None, (loaded or {}).values()):
        yield str(revision.path)
    if config.config_file_name:
        yield str(config.config_file_name)
    for folder in script._version_locations:
        yield str(folder)
        if getattr(script, "recursive_version_locations", False):
            yield from (place for place, _, _ in os.walk(str(folder)) if not _cache(place))


def _cache(name: str) -> bool:
    return name.endswith("__pycache__")


def _stamp(path: str) -> Stamp:
    try:
        if os.path.isdir(path):
            return tuple(sorted(name for name in os.listdir(path) if not _cache(name)))
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
