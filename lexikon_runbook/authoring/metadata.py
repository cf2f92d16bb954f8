"""The models that a parameter names: `package.module:Base`, found as Alembic finds env.py's."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from typing import Any

from ..errors import NOTHING_CHANGED, ModelsUnusable
from ..render import shorten
from ..settings import Target

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
EXAMPLE = 'models="package.module:Base"'


def named(target: Target, models: str) -> Any:
    """The MetaData that `package.module:Base` (or `:metadata`) names. Imports that module.

    To be called where env.py runs, with its path. Raises ModelsUnusable.
    """
    if not NAME.fullmatch(models):
        raise _refuse(f"models={models!r} names no models.", f"write {EXAMPLE}.")
    module, _, name = models.partition(":")
    folder = str(target.ini.parent)
    if folder not in sys.path:  # put back by `surroundings`
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise _not_imported(target, module, error) from None
    for part in name.split("."):
        if not hasattr(found, part):
            there = ", ".join(sorted(n for n, v in vars(found).items() if _metadata(v) is not None))
            raise _refuse(
                f"{module} has no {name}.",
                f"its models are: {there}." if there else f"name a declarative base: {EXAMPLE}.",
            )
        found = getattr(found, part)
    metadata = _metadata(found)
    if metadata is None:
        raise _refuse(
            f"{models} is neither a MetaData nor a declarative base.",
            f"name what has the tables: {EXAMPLE}, or one that ends in :metadata.",
        )
    return metadata


def _metadata(value: Any) -> Any:
    from sqlalchemy import MetaData

    for found in (value, getattr(value, "metadata", None)):
        if isinstance(found, MetaData):
            return found
    return None


def _not_imported(target: Target, module: str, error: BaseException) -> ModelsUnusable:
    """The line of the project that failed, and what it said, without a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename.startswith(str(target.ini.parent.resolve()))]
    place, line = (own[-1].filename, own[-1].lineno) if own else ("", None)
    if isinstance(error, SyntaxError) and error.filename:
        place, line = error.filename, error.lineno
    said = shorten(target.mask(f"{type(error).__name__}: {error}"), 300)
    where = f"{place}:{line}: " if place else ""
    return _refuse(
        f"{where}{module} can't be imported: {said}.",
        f"mend it; `python -c 'import {module}'` in {target.ini.parent} must work, with the path "
        "that prepend_sys_path in the ini gives.",
    )


def _refuse(happened: str, next_step: str) -> ModelsUnusable:
    return ModelsUnusable(happened, state=NOTHING_CHANGED, next_step=next_step)
