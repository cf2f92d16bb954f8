"""One revision of a plan, with its SQL. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..postgres import statements
from ..postgres.catalog import InvalidIndex
from ..postgres.statements import Statement
from ..project.history import Direction, Revision
from ..project.seen import Outside
from ..rehearsal.expected import Expected
from ..rehearsal.observed import Leg

NAMED = ("", "the index's table")  # `locked` names the table by itself


@dataclass(frozen=True)
class Step:
    """One revision, up or down, with its SQL.

    `known` is false where the SQL can't be rendered, for the reason `why`; `locked` are the modes
    and the names of the locks on tables that exist before the plan; `digested` is what an
    approval is for; `varies` are statements that were other ones when they were rendered again;
    `tried` is what its code tried outside of the database. `of_checkout` is false where the file
    that runs, in a container, is not the checkout's. `expected` is what it is held against when it
    runs, from the `legs` of its rehearsals; None and nothing where it was not rehearsed.
    """

    revision: Revision
    direction: Direction
    before: frozenset[str]
    after: frozenset[str]
    statements: tuple[Statement, ...]
    known: bool
    locked: tuple[tuple[str, str], ...] = ()
    why: str = ""
    digested: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    tried: tuple[Outside, ...] = ()
    of_checkout: bool = True
    expected: Expected | None = None
    legs: tuple[Leg, ...] = field(default=(), compare=False, repr=False)

    @property
    def identity(self) -> list[object]:
        """What makes it this step and no other: the file, and the SQL where it is known."""
        known = [text.rstrip("; \n") for text in self.digested] if self.known else None
        return [self.revision.id, self.revision.checksum, known]

    @property
    def depends(self) -> bool:
        """Whether it was seen to choose by rows what it sends."""
        return self.expected is not None and bool(self.expected.depending)

    @property
    def summary(self) -> str:
        """What the step does, in words."""
        if not self.known:
            why = f" ({self.why})" if self.why else ""
            return f"its SQL is known only when it runs{why}"
        return statements.describe(self.statements) or "nothing in the database"

    def creates(self, index: InvalidIndex, search_path: Sequence[str] | None = None) -> bool:
        """Whether it creates an index of that name on that table.

        A table without a schema is one on the search path, or any when that is not given.
        """
        for effect in (e for s in self.statements for e in s.effects):
            if effect.action != "creates" or effect.kind != "index":
                continue
            schema, _, table = effect.table.replace('"', "").rpartition(".")
            named = effect.name.replace('"', "").rpartition(".")[2] == index.name
            there = schema == index.schema or (
                not schema and (search_path is None or index.schema in search_path)
            )
            if named and there and table == index.table.replace('"', "").rpartition(".")[2]:
                return True
        return False

    @property
    def locks(self) -> str:
        """The strongest lock on each table that exists before the plan, in words."""
        if not self.known:
            return "unknown"
        words, told = [], set[str]()
        for mode in reversed(statements.MODES):
            tables = sorted({table for other, table in self.locked if other == mode} - told)
            told.update(tables)
            if tables:
                words.append(f"{mode} on {', '.join(tables)}")
        words += dict.fromkeys(
            f"also {s.unnamed}" for s in self.statements if s.unnamed not in NAMED
        )
        words += [f"unknown: {s.verb}" for s in self.statements if s.locks is None]
        return "\n".join(words) or "none"
