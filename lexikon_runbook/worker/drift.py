"""How a database differs from the project's models, as Alembic's own comparison sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional

Row = list[Optional[str]]


def noting(found: list[dict[str, Any]]) -> Callable[[Any, Any, dict[str, Any]], list[Any]]:
    """What env.py is to run in place of migrations: compare, with its own options. Reads only."""

    def compare(_rows: Any, context: Any, _given: dict[str, Any]) -> list[Any]:
        from alembic.autogenerate import compare_metadata

        metadata = context.opts.get("target_metadata")
        changes = None
        if metadata is not None:
            changes = [_row(*each) for each in _flat(compare_metadata(context, metadata))]
        default = context.connection.dialect.default_schema_name
        found.append({"changes": changes, "default_schema": str(default or "")})
        return []

    return compare


def _flat(differences: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Alembic's differences one by one; those of one column come as a list."""
    for each in differences:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _row(verb: str, *about: Any) -> Row:
    """One difference as texts: the verb, schema, table, name, and the value on both sides."""
    if verb.startswith("modify_"):
        schema, table, column, _kept, before, after = about
        return [verb, schema, table, column, _value(before), _value(after)]
    if verb.endswith("_column"):
        schema, table, column = about
        return [verb, schema, table, str(column.name), None, None]
    thing: Any = about[0] if about else ""
    if verb.endswith(("_table", "_table_comment")):
        return [verb, thing.schema, str(thing.name), None, None, None]
    table = getattr(thing, "table", None)
    if table is None:  # another package's own comparison
        return [verb, None, None, _named(thing), None, None]
    return [verb, table.schema, str(table.name), _named(thing), None, None]


def _named(thing: Any) -> str:
    """A schema item's own name; its columns where it has none."""
    if getattr(thing, "name", None):
        return str(thing.name)
    if hasattr(thing, "columns"):
        return "({})".format(", ".join(str(column.name) for column in thing.columns))
    return str(thing)


def _value(value: Any) -> str | None:
    """A type, default or flag as a reader knows it; None where there is none."""
    text = getattr(getattr(value, "arg", value), "text", getattr(value, "arg", value))
    return None if text is None else str(text)
