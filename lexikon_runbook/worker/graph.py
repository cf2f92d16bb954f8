"""The revision graph as Alembic has it: revisions, and the steps of a way through it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from alembic.runtime.migration import HeadMaintainer, MigrationStep
from alembic.script import ScriptDirectory


def revisions(script: ScriptDirectory) -> dict[str, Any]:
    """Every revision, each after those it needs. Imports the revision files."""
    found = [_revision(each) for each in script.walk_revisions()][::-1]
    with open(os.path.join(str(script.dir), "env.py"), "rb") as file:
        env_py = hashlib.sha256(file.read()).hexdigest()
    return {"revisions": found, "heads": list(script.get_heads()), "env_py": env_py}


def _revision(script: Any) -> dict[str, Any]:
    down = script.down_revision
    with open(script.path, "rb") as file:
        held = file.read()
    return {
        "id": script.revision,
        "down": [down] if isinstance(down, str) else list(down or ()),
        "depends": list(script._resolved_dependencies),
        "labels": sorted(script.branch_labels),
        "file": os.path.abspath(str(script.path)),
        "message": (script.doc or "").splitlines()[0] if script.doc else "",
        "sha256": hashlib.sha256(held).hexdigest(),
        "source": importlib.util.decode_source(held) if script.path.endswith(".py") else "",
    }


def way(script: ScriptDirectory, direction: str, to: str, rows: Sequence[str]) -> list[Any]:
    """Alembic's migration steps from these version rows to that place, in the order they run."""
    own: Any = script
    if direction == "upgrade":
        return list(own._upgrade_revs(to, tuple(rows)))
    return list(own._downgrade_revs(to, tuple(rows)))


def alone(script: ScriptDirectory, direction: str, ids: Sequence[str]) -> list[Any]:
    """The steps of exactly these revisions, in this order."""
    make: Any = (
        MigrationStep.upgrade_from_script
        if direction == "upgrade"
        else MigrationStep.downgrade_from_script
    )
    return [make(script.revision_map, script.get_revision(id_)) for id_ in ids]


def described(steps: Sequence[Any], rows: Sequence[str]) -> list[dict[str, Any]]:
    """The steps as rows: the revision, and the version rows before and after it."""
    heads = _Heads(rows)
    told = []
    for step in steps:
        before = sorted(heads.heads)
        heads.update_to_step(step)
        told.append(
            {
                "revision": step.revision.revision,
                "upgrade": bool(step.is_upgrade),
                "before": before,
                "after": sorted(heads.heads),
            }
        )
    return told


class _Heads(HeadMaintainer):
    """Alembic's own keeping of the version rows, without a database."""

    def __init__(self, rows: Sequence[str]) -> None:
        super().__init__(None, rows)  # type: ignore[arg-type]

    def _insert_version(self, version: str) -> None:
        self.heads.add(version)

    def _delete_version(self, version: str) -> None:
        self.heads.remove(version)

    def _update_version(self, from_: str, to_: str) -> None:
        self.heads.remove(from_)
        self.heads.add(to_)
