"""The models that a parameter names: `package.module:Base`; and why they can't be used. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import NOTHING_CHANGED, ModelsUnusable
from ..show.render import shorten
from ..targets.settings import Target

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
EXAMPLE = 'models="package.module:Base"'
NONE = "env.py gives no target_metadata to context.configure()"
MISSING = "none"  # what the worker says then


def require_name(models: str) -> None:
    """Refuse what can't be a name of models. Raises ModelsUnusable."""
    if models and not NAME.fullmatch(models):
        raise _refuse(f"models={models!r} names no models.", f"write {EXAMPLE}.")


def unusable(target: Target, models: str, told: Mapping[str, Any]) -> ModelsUnusable:
    """Why the worker has no models to compare with, and what to write."""
    module, _, name = models.partition(":")
    if told["why"] == MISSING:
        return missing()
    if told["why"] == "import":
        return _not_imported(target, module, told["error"])
    if told["why"] == "name":
        there = ", ".join(told["there"])
        return _refuse(
            f"{module} has no {name}.",
            f"its models are: {there}." if there else f"name a declarative base: {EXAMPLE}.",
        )
    return _refuse(
        f"{models} is neither a MetaData nor a declarative base.",
        f"name what has the tables: {EXAMPLE}, or one that ends in :metadata.",
    )


def missing() -> ModelsUnusable:
    """There are no models, and what is asked needs some."""
    return _refuse(
        f"{NONE}, so there is nothing to compare with.",
        f"set {EXAMPLE}, or target_metadata in env.py.",
    )


def _not_imported(target: Target, module: str, error: Mapping[str, Any]) -> ModelsUnusable:
    """The line of the project that failed, and what it said, without a secret."""
    folder = str(target.ini.parent.resolve())
    own = [frame for frame in error["frames"] if str(frame[0]).startswith(folder)]
    where = f"{own[-1][0]}:{own[-1][1]}: " if own else ""
    said = shorten(target.mask(f"{error['cls']}: {error['message']}"), 300)
    return _refuse(
        f"{where}{module} can't be imported: {said}.",
        f"mend it; `python -c 'import {module}'` in {target.ini.parent} must work, with the path "
        "that prepend_sys_path in the ini gives.",
    )


def _refuse(happened: str, next_step: str) -> ModelsUnusable:
    return ModelsUnusable(happened, state=NOTHING_CHANGED, next_step=next_step)
