"""What the models change against what the migrations alone produce. Reads only.

Alembic's autogenerate, through the project's own env.py: with its target_metadata (or the models
that are named), its include_object, its compare_* options and its process_revision_directives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..rehearsal.throwaway import Throwaway
from ..show.render import Block, Card, Code, Shown, Table
from . import drafting, layout
from . import models as of_models
from .operations import Operation, read

UNSEEN = (
    "Autogenerate sees tables, columns, indexes, unique and foreign keys. It sees no CHECK "
    "constraint, view, function, trigger, sequence, policy, grant or comment on a type, no new "
    "label of an enum, and takes a rename for a drop and an add."
)


@dataclass(frozen=True)
class Changes(Shown):
    """What would make the migrations' schema that of the models, as Python and in words.

    `unlooked` is why nothing was compared: there are no models.
    """

    models: str
    upgrade: str = ""
    downgrade: str = ""
    unlooked: str = ""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of the upgrade, in order."""
        return read(self.upgrade)

    def __bool__(self) -> bool:
        return bool(self.operations)

    def blocks(self) -> Sequence[Block]:
        if self.unlooked:
            return [Card("Changes: models not compared", [("Because", self.unlooked)])]
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
    """What the models change against this database, as if it were at the heads. Reads only.

    Nothing is compared where env.py has none and none are named. Raises ModelsUnusable for
    those that can't be used, and HistoryError when env.py fails.
    """
    told = drafting.code(database, models)
    if told["refused"] and told["refused"]["why"] == of_models.MISSING:
        return Changes("none", unlooked=of_models.NONE)
    if told["refused"]:
        raise of_models.unusable(database.target, models, told["refused"])
    return Changes(
        models or "target_metadata of env.py",
        layout.for_reading(told["upgrade"]),
        layout.for_reading(told["downgrade"]),
    )
