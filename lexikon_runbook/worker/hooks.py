"""The project's post_write_hooks: programs and functions that work on a new revision file."""

from __future__ import annotations

from typing import Any

from alembic.script import write_hooks


def of(script: Any) -> Any:
    """The project's post_write_hooks, in the form that its Alembic has for them. Pure."""
    return getattr(script, "hooks", None) or getattr(script, "hook_config", None)


def unknown(script: Any) -> bool:
    """Whether a hook is of a kind that env.py has still to register."""
    found = of(script) or {}
    if isinstance(found, list):
        kinds = {each.get("type") for each in found}
    else:  # before Alembic 1.16
        kinds = {kind for key, kind in found.items() if key.endswith(".type")}
    return bool(kinds - {None} - set(write_hooks._registry))


def run(script: Any, path: str) -> None:
    """Run them on that file. Changes the file, and whatever else they change."""
    write_hooks._run_hooks(path, of(script))
