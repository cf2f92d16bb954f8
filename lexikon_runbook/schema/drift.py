"""What a database holds that neither its migrations nor its models say. Reads only.

Against the migrations: complete catalogs, of the database and of what the migrations alone
produce at the same revision in a throwaway database. Against the models: Alembic's own
comparison, with the options of the project's env.py, which sees tables, columns, indexes and
keys, and no function, view, trigger, policy, grant or (since Alembic 1.20) named CHECK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..errors import RunbookError
from ..postgres import catalog, connections
from ..postgres.catalog import Catalog, Difference, difference
from ..postgres.connections import Identity
from ..postgres.names import spelled_name
from ..project import failures
from ..project.database import Database
from ..project.limits import READING
from ..project.project import Project
from ..rehearsal import throwaway
from ..rehearsal.likeness import Likeness
from ..rehearsal.throwaway import Throwaway
from ..show.render import Block, Card, Line, Shown, shorten
from . import by_env_py, left_out, model_changes
from .by_env_py import Side
from .left_out import LeftOut

# Both come with a new database, and belong to whoever set its server up.
OF_THE_SERVER = (("schema", "public"), ("extension", "plpgsql"))
KEPT_NOTHING = (
    "env.py keeps nothing of what it runs, on a throwaway database either.\n"
    "lexikon-runbook run troubleshoot says where it loses its transaction."
)
NO_MODELS = "env.py gives no target_metadata to context.configure()."


@dataclass(frozen=True)
class Drift(Shown):
    """How a database differs from what its migrations alone produce at its revision.

    `difference` reads from the migrations to the database: what is added stands in the database
    only. It is None where it could not be told; `unknown` then says why. `left_out` is what
    differs and is no drift.
    """

    revision: str
    built_on: str = ""
    difference: Difference | None = None
    unknown: str = ""
    left_out: LeftOut = left_out.NOTHING

    @property
    def drifted(self) -> bool | None:
        """Whether they differ; None where that is not known."""
        return None if self.difference is None else bool(self.difference)

    def blocks(self) -> Sequence[Block]:
        if self.difference is None:
            return [Card("Drift against the migrations: unknown", _why(self.unknown), "warning")]
        lines = [("Compared with", f"the migrations up to {self.revision}, on {self.built_on}")]
        if str(self.left_out):
            lines.append(("No drift", str(self.left_out)))
        if not self.difference:
            return [Card("Drift against the migrations: none", lines, "good")]
        lines.append(("In short", f"the database {self.difference.summary()}"))
        note = Line("+ stands in the database only, - in the migrations only, ~ differs.")
        card = Card("Drift against the migrations: the schema was changed by hand", lines, "danger")
        return [card, *self.difference.blocks(), note, *self._wanted()]

    def _wanted(self) -> Sequence[Block]:
        """How to say that a difference is wanted."""
        made = (
            [c.name for c in self.difference.added if c.kind == "extension"]
            if (self.difference)
            else []
        )
        said = ['Wanted by hand? ignore = ["kind:schema.name"] of the target leaves it out.']
        if made:
            names = ", ".join(f'"{name}"' for name in made)
            said.append(
                f"Made by a DBA? extensions = [{names}] of the target makes it before the "
                "migrations run."
            )
        return [Line(text) for text in said]


@dataclass(frozen=True)
class ModelDrift(Shown):
    """How a database differs from the models, a line each; None where that is not known."""

    changes: tuple[str, ...] | None
    unknown: str = ""

    @property
    def drifted(self) -> bool | None:
        """Whether they differ; None where that is not known."""
        return None if self.changes is None else bool(self.changes)

    def blocks(self) -> Sequence[Block]:
        if self.changes is None:
            return [Card("Drift against the models: unknown", _why(self.unknown), "warning")]
        if not self.changes:
            return [Card("Drift against the models: none", tone="good")]
        lines = [("Differs", "\n".join(self.changes))]
        return [Card("Drift against the models", lines, "warning")]


def _why(unknown: str) -> list[tuple[str, str]]:
    return [("Because", unknown)]


def against_migrations(found: Database, known: Catalog | None = None) -> Drift:
    """Build the migrations up to the database's revision, and compare. Reads the database only.

    `known` is its catalog, where it was read already. Writes a throwaway database, which is
    dropped. Never raises for what keeps it from comparing: the value says so.
    """
    if found.known_history is None or found.known_version is None or not found.known_version.ids:
        return Drift(found.at, unknown=_nothing_to_build(found))
    try:
        with found.connected() as connection:
            table = found.version_table
            wanted = Likeness.of(connection, found.identity, table)
            live = known or catalog.read(connection, version_table=table)
        with throwaway.empty(found.target, found.known_history, wanted) as empty:
            for id_ in found.known_version.ids:
                empty.upgrade(id_)
            return _from_built(found, live, empty, wanted.owner)
    except RunbookError as error:
        return Drift(found.at, unknown=f"{error.happened}\n{error.next_step}")
    except connections.Error as error:
        said = shorten(found.target.mask(str(error)), 300)
        return Drift(found.at, unknown=f"the catalog could not be read: {said} ({error.pgcode})")


def _from_built(found: Database, live: Catalog, empty: Throwaway, owner: str) -> Drift:
    """The drift from a throwaway database at the same revision. Raises HistoryError."""
    if not empty.rows:
        return Drift(found.at, unknown=KEPT_NOTHING)
    built, on = empty.catalog(), empty.identity
    whole = compare(live, built, owner, empty.owner)
    rest, apart = left_out.of(whole, live, found.target.ignore)
    project = found.project or Project(found.target, found.identity)
    differs, number = by_env_py.of(
        rest,
        Side(found.target, found.identity, live, project.live),
        Side(empty.target, on, built, lambda: empty.worker),
    )
    if worded_otherwise(differs, found.identity, on):
        return Drift(found.at, unknown=_other_version(found, on, differs))
    apart = replace(apart, by_env_py=number)
    return Drift(found.at, f"PostgreSQL {on.version}", differs, left_out=apart)


def worded_otherwise(differs: Difference, live: Identity, built: Identity) -> bool:
    """Whether two versions of PostgreSQL may only print the same definitions differently. Pure."""
    majors = {live.version_number // 10000, built.version_number // 10000}
    return bool(differs) and len(majors) > 1 and not (differs.added or differs.removed)


def _other_version(found: Database, on: Identity, differs: Difference) -> str:
    return (
        f"the migrations were built on PostgreSQL {on.version}, the database is "
        f"{found.identity.version}, and what differs may only be worded otherwise:\n{differs}\n"
        f"set throwaway_url_env of [targets.{found.target.name}] in runbook.toml to a server of "
        "its version."
    )


def _nothing_to_build(found: Database) -> str:
    broken = found.no_history or found.no_version
    if broken is not None:
        return f"{broken.happened}\n{broken.next_step}"
    return (
        f"the database has no version row in {found.version_table}.\n"
        f"{found.target.run('troubleshoot')} says which revision its "
        "schema matches."
    )


def compare(live: Catalog, built: Catalog, live_owner: str, built_owner: str) -> Difference:
    """From what the migrations built to what is there, whoever owns the one and the other. Pure."""
    return difference(
        _comparable(built, _owned_by(built_owner, live_owner)),
        _comparable(live, lambda text: text),
    )


def _owned_by(before: str, after: str) -> Callable[[str], str]:
    owner = re.compile(rf'(^|; )owner "?{re.escape(before.replace(chr(34), chr(34) * 2))}"?$')
    return lambda text: owner.sub(rf"\g<1>owner {spelled_name(after)}", text)


def _comparable(of: Catalog, owned: Callable[[str], str]) -> Catalog:
    kept = {
        key: re.sub(r"; owner .*", "", text) if key[0] == "extension" else owned(text)
        for key, text in of.objects.items()
        if key not in OF_THE_SERVER
    }
    return Catalog(MappingProxyType(kept))


def against_models(found: Database) -> ModelDrift:
    """Compare the database with the models of env.py, as `alembic check` does. Reads only.

    Never raises for what keeps it from comparing: the value says so.
    """
    try:
        told = (found.project or Project(found.target, found.identity)).compared()
        with found.connected() as connection:
            apart = model_changes.apart(connection)
    except RunbookError as error:
        return ModelDrift(None, f"{error.happened}\n{error.next_step}")
    except connections.Error as error:
        return ModelDrift(None, shorten(found.target.mask(str(error)), 300))
    changes = model_changes.lines(told, apart, found.target.ignore)
    return ModelDrift(changes, NO_MODELS if changes is None else "")


def of_throwaway(empty: Throwaway) -> ModelDrift:
    """Compare a throwaway database with the models of env.py. Reads only.

    Raises HistoryError when env.py fails.
    """
    settings = READING.settings(empty.identity.version_number)
    told = failures.looked(empty.target, lambda: empty.worker.ask("compare", settings=settings))
    with empty.connected() as connection:
        apart = model_changes.apart(connection)
    changes = model_changes.lines(told, apart, empty.target.ignore)
    return ModelDrift(changes, NO_MODELS if changes is None else "")
