"""The models to compare with: those that are named, `package.module:Base`, or env.py's own."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from sqlalchemy import MetaData

from . import told


class Unusable(Exception):
    """There are no models under that name; `told` says why, as data."""

    def __init__(self, why: str, **more: Any) -> None:
        super().__init__(why)
        self.told = {"why": why, **more}


def to_compare(context: Any, models: str, folder: str) -> Any:
    """The MetaData, or several, that a comparison in this context is with.

    Models that are named take the place of env.py's target_metadata. Raises Unusable.
    """
    if models:
        context.opts["target_metadata"] = named(models, folder)
    found = context.opts.get("target_metadata")
    if found is None or (isinstance(found, (list, tuple)) and not found):
        raise Unusable("none")
    return found


def named(models: str, folder: str) -> MetaData:
    """The MetaData that `package.module:Base` (or `:metadata`) names. Imports that module.

    It is looked for where env.py's own modules are, and in that folder. Raises Unusable.
    """
    module, _, name = models.partition(":")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise Unusable("import", error=told.of(error)) from None
    for part in name.split("."):
        if not hasattr(found, part):
            there = [n for n, value in vars(found).items() if _metadata(value) is not None]
            raise Unusable("name", there=sorted(there))
        found = getattr(found, part)
    metadata = _metadata(found)
    if metadata is None:
        raise Unusable("kind")
    return metadata


def _metadata(value: Any) -> MetaData | None:
    for found in (value, getattr(value, "metadata", None)):
        if isinstance(found, MetaData):
            return found
    return None
