"""What the models change against what the migrations alone produce. Reads only.

Alembic's autogenerate, through the project's own env.py: with its target_metadata (or the models
that are named), its include_object, its compare_* options and its process_revision_directives.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import environment
from ..errors import NOTHING_CHANGED, ModelsUnusable
from ..render import Block, Card, Code, Shown, Table
from ..throwaway import BUILDING, Throwaway
from . import layout, metadata
from .operations import Operation, read

if TYPE_CHECKING:
    from alembic.autogenerate import RevisionContext
    from alembic.script import ScriptDirectory


UNSEEN = (
    "Autogenerate sees tables, columns, indexes, unique and foreign keys. It sees no CHECK "
    "constraint, view, function, trigger, sequence, policy, grant or comment on a type, no new "
    "label of an enum, and takes a rename for a drop and an add."
)
NO_MODELS = "env.py gives no target_metadata to context.configure()"


@dataclass(frozen=True)
class Changes(Shown):
    """What would make the migrations' schema that of the models, as Python and in words."""

    models: str
    upgrade: str
    downgrade: str

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of the upgrade, in order."""
        return read(self.upgrade)

    def __bool__(self) -> bool:
        return bool(self.operations)

    def blocks(self) -> Sequence[Block]:
        lines = [("Models", self.models), ("Not seen", UNSEEN)]
        if not self:
            title = "Changes: none, the models are what the migrations produce"
            return [Card(title, lines, "good")]
        number = len(self.operations)
        title = f"Changes: {number} {'operation' if number == 1 else 'operations'}"
        rows = [(o.words, o.what, o.detail) for o in self.operations]
        return [
            Card(title, lines),
            Table(("change", "of", "in full"), rows),
            Code(self.upgrade, "upgrade()"),
            Code(self.downgrade, "downgrade()"),
        ]


def changes(database: Throwaway, models: str) -> Changes:
    """What the models change against this database. Reads only.

    Raises ModelsUnusable where there are none, and HistoryError when env.py fails.
    """
    script = database.history.script
    # Alembic refuses to compare below the heads, where a revision that is there is reviewed.
    made = drafted(database, script, models, "", rows=tuple(script.get_heads()))
    return Changes(models or "target_metadata of env.py", *_code(made))


def drafted(
    database: Throwaway,
    script: ScriptDirectory,
    models: str,
    message: str,
    id_: str = "",
    rows: tuple[str, ...] | None = None,
) -> RevisionContext:
    """The revision that autogenerate would write, as `alembic revision` makes it. Reads only."""
    from alembic.autogenerate import RevisionContext

    given = dict.fromkeys(("head", "branch_label", "version_path", "depends_on"))
    asked = {**given, "message": message, "rev_id": id_, "sql": False, "splice": False}
    made = RevisionContext(environment.config_for(database.target), script, asked)

    def look(found: Any, context: Any) -> list[Any]:
        kept = use_models(database, context, models)
        made.run_autogenerate(found if rows is None else rows, context)
        _complete_enums(made, context.connection, kept)
        return []

    environment.run(
        database.target,
        database.identity,
        look,
        BUILDING,
        template_args=made.template_args,
        revision_context=made,
    )
    return made


def _complete_enums(made: RevisionContext, connection: Any, kept: Any) -> None:
    from sqlalchemy import inspect

    from . import enums

    seen = inspect(connection)
    there = [(found["schema"], found["name"]) for found in seen.get_enums(schema="*")]
    several = kept if isinstance(kept, list | tuple) else [kept]
    for script in made.generated_revisions:
        enums.complete(script, there, seen.default_schema_name, several)


def _code(made: RevisionContext) -> tuple[str, str]:
    """The upgrade and the downgrade as Python; empty where a hook took the revision away."""
    from alembic.autogenerate import render

    up, down = [], []
    for script in made.generated_revisions:
        texts: dict[str, Any] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unnamed constraints, which the review names
            render._render_python_into_templatevars(made._last_autogen_context, script, texts)
        up.append(layout.laid_out(texts["upgrades"], 0))
        down.append(layout.laid_out(texts["downgrades"], 0))
    return "\n".join(up), "\n".join(down)


def use_models(database: Throwaway, context: Any, models: str) -> Any:
    """The MetaData to compare with; one that is named takes the place of env.py's own."""
    if models:
        context.opts["target_metadata"] = metadata.named(database.target, models)
    if context.opts.get("target_metadata") is None:
        raise ModelsUnusable(
            f"{NO_MODELS}, so there is nothing to compare with.",
            state=NOTHING_CHANGED,
            next_step=f"set {metadata.EXAMPLE}, or target_metadata in env.py.",
        )
    return context.opts["target_metadata"]
