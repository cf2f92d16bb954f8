"""What a database holds that neither its migrations nor its models say. Reads only.

Against the migrations: complete catalogs, of the database and of what the migrations alone
produce at the same revision in a throwaway database. Against the models: Alembic's own
comparison, with the options of the project's env.py, which sees tables, columns, indexes and
keys, and no function, view, trigger, policy, grant or (since Alembic 1.20) named CHECK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from . import catalog, database, environment, throwaway
from .catalog import Catalog, Difference, difference
from .database import Identity
from .errors import RunbookError
from .guard import READING, Limits
from .reached import Reached
from .render import Block, Card, Line, Shown, shorten
from .settings import Target

# Both come with a new database, and belong to whoever set its server up.
OF_THE_SERVER = (("schema", "public"), ("extension", "plpgsql"))
NO_MODELS = "env.py gives no target_metadata to context.configure()."


@dataclass(frozen=True)
class Drift(Shown):
    """How a database differs from what its migrations alone produce at its revision.

    `difference` reads from the migrations to the database: what is added stands in the database
    only. It is None where it could not be told; `unknown` then says why.
    """

    revision: str
    built_on: str = ""
    difference: Difference | None = None
    unknown: str = ""

    @property
    def drifted(self) -> bool | None:
        """Whether they differ; None where that is not known."""
        return None if self.difference is None else bool(self.difference)

    def blocks(self) -> Sequence[Block]:
        if self.difference is None:
            return [Card("Drift against the migrations: unknown", _why(self.unknown), "warning")]
        lines = [("Compared with", f"the migrations up to {self.revision}, on {self.built_on}")]
        if not self.difference:
            return [Card("Drift against the migrations: none", lines, "good")]
        lines.append(("In short", f"the database {self.difference.summary()}"))
        note = Line("+ stands in the database only, - in the migrations only, ~ differs.")
        card = Card("Drift against the migrations: the schema was changed by hand", lines, "danger")
        return [card, *self.difference.blocks(), note]


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


def against_migrations(found: Reached, known: Catalog | None = None) -> Drift:
    """Build the migrations up to the database's revision, and compare. Reads the database only.

    `known` is its catalog, where it was read already. Writes a throwaway database, which is
    dropped. Never raises for what keeps it from comparing: the value says so.
    """
    if found.history is None or found.rows is None or not found.rows.ids:
        return Drift(found.at, unknown=_nothing_to_build(found))
    try:
        with found.connected() as connection:
            table = found.version_table
            wanted = throwaway.like(connection, found.identity, table)
            live = known or catalog.read(connection, version_table=table)
        with throwaway.empty(found.target, found.history, wanted) as empty:
            for id_ in found.rows.ids:
                empty.upgrade(id_)
            built, owner, on = empty.catalog(), empty.owner, empty.identity
    except RunbookError as error:
        return Drift(found.at, unknown=f"{error.happened}\n{error.next_step}")
    except database.Error as error:
        said = shorten(found.target.mask(str(error)), 300)
        return Drift(found.at, unknown=f"the catalog could not be read: {said} ({error.pgcode})")
    differs = compare(live, built, wanted.owner, owner)
    if worded_otherwise(differs, found.identity, on):
        return Drift(found.at, unknown=_other_version(found, on, differs))
    return Drift(found.at, f"PostgreSQL {on.version}", differs)


def worded_otherwise(differs: Difference, live: Identity, built: Identity) -> bool:
    """Whether two versions of PostgreSQL may only print the same definitions differently. Pure."""
    majors = {live.version_number // 10000, built.version_number // 10000}
    return bool(differs) and len(majors) > 1 and not (differs.added or differs.removed)


def _other_version(found: Reached, on: Identity, differs: Difference) -> str:
    return (
        f"the migrations were built on PostgreSQL {on.version}, the database is "
        f"{found.identity.version}, and what differs may only be worded otherwise:\n{differs}\n"
        f"set throwaway_url_env of [targets.{found.target.name}] in runbook.toml to a server of "
        "its version."
    )


def _nothing_to_build(found: Reached) -> str:
    broken = found.no_history or found.no_rows
    if broken is not None:
        return f"{broken.happened}\n{broken.next_step}"
    return (
        f"the database has no version row in {found.version_table}.\n"
        f"lexikon-runbook run troubleshoot -p target={found.target.name} says which revision its "
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
    quoted = after if re.fullmatch(r"[a-z_][a-z0-9_$]*", after) else database.quoted_name(after)
    return lambda text: owner.sub(rf"\g<1>owner {quoted}", text)


def _comparable(of: Catalog, owned: Callable[[str], str]) -> Catalog:
    kept = {
        key: re.sub(r"; owner .*", "", text) if key[0] == "extension" else owned(text)
        for key, text in of.objects.items()
        if key not in OF_THE_SERVER
    }
    return Catalog(MappingProxyType(kept))


def against_models(found: Reached) -> ModelDrift:
    """Compare the database with the models of env.py, as `alembic check` does. Reads only.

    Never raises for what keeps it from comparing: the value says so.
    """
    try:
        changes = model_changes(found.target, found.identity)
    except RunbookError as error:
        return ModelDrift(None, f"{error.happened}\n{error.next_step}")
    if changes is None:
        return ModelDrift(None, NO_MODELS)
    return ModelDrift(changes)


def model_changes(
    target: Target, identity: Identity, limits: Limits = READING
) -> tuple[str, ...] | None:
    """What env.py's own target_metadata says of a target's database, a line a difference.

    None when env.py has no target_metadata. Reads only; raises HistoryError when env.py fails.
    """
    found: list[tuple[str, ...] | None] = []

    def look(_rows: Any, context: Any) -> list[Any]:
        from alembic.autogenerate import compare_metadata

        metadata = context.opts.get("target_metadata")
        if metadata is None:
            found.append(None)
        else:
            found.append(tuple(_flat(compare_metadata(context, metadata))))
        return []

    environment.run(target, identity, look, limits, dont_mutate=True)
    return found[-1]


def _flat(differences: Sequence[Any]) -> Iterator[str]:
    """The lines of Alembic's differences; those of one column come as a list."""
    for each in differences:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield _words(*each)


def _words(verb: str, *about: Any) -> str:
    """One of Alembic's differences (alembic.autogenerate.compare_metadata) in words. Pure."""
    if verb.startswith("modify_"):
        _schema, table, column, _kept, before, after = about
        what = verb.removeprefix("modify_")
        place = ".".join(filter(None, (_schema, table, column)))
        return f"column {place}: {what} {_value(before)} in the database, {_value(after)} in models"
    side = {"add": "the database lacks", "remove": "the models lack"}
    action, _, kind = verb.partition("_")
    if kind == "column":
        schema, table, column = about
        return f"{side[action]} column {'.'.join(filter(None, (schema, table, column.name)))}"
    if kind == "table_comment":
        return f"{side[action]} the comment of table {_named(about[0])}"
    thing = about[0]
    of = f" of {_named(thing.table)}" if getattr(thing, "table", None) is not None else ""
    words = {"fk": "foreign key", "table": "table", "index": "index", "constraint": "constraint"}
    return f"{side.get(action, action)} {words.get(kind, kind)} {_named(thing)}{of}"


def _named(thing: Any) -> str:
    """A schema item's own name, with its schema; its columns where it has no name."""
    if name := getattr(thing, "fullname", None) or getattr(thing, "name", None):
        return str(name)
    return "(" + ", ".join(column.name for column in getattr(thing, "columns", ())) + ")"


def _value(value: Any) -> str:
    """A type, default or flag as a reader knows it."""
    text = getattr(getattr(value, "arg", value), "text", getattr(value, "arg", value))
    return "none" if text is None else str(text)
