"""Where the version rows of a database are, as env.py's own configuration finds them."""

from __future__ import annotations

from typing import Any, Callable

# env.py's connection may have another search_path than ours; no table yet: where it will be.
FOUND = """
select coalesce((select nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = to_regclass('%s')), current_schema()), current_schemas(false)::text[]
"""


def noting(found: list[dict[str, Any]]) -> Callable[[Any, Any, dict[str, Any]], list[Any]]:
    """What env.py is to run in place of migrations: note the place and its rows. Reads only."""

    def look(_rows: Any, context: Any, _given: dict[str, Any]) -> list[Any]:
        rows = sorted(context.get_current_heads())
        tracked = bool(rows) or bool(context._has_version_table())
        found.append({"rows": rows, "tracked": tracked, **of(context)})
        return []

    return look


def of(context: Any) -> dict[str, Any]:
    """Where that context keeps its version rows, and looks for names.

    `schema` is the one that env.py names, "" for none; `found_in` the one its connection finds
    the table in, or would make it in. `path` is searched for names without a schema; `translated`
    are the schemas, null for none, that SQLAlchemy replaces by others in what it writes itself.
    """
    options = context.connection.get_execution_options()
    translated = options.get("schema_translate_map") or {}
    own = context.version_table_schema
    schema = translated.get(own, own) or ""
    found_in, path = _found(context)
    return {
        "table": str(context.version_table),
        "schema": str(schema),
        "found_in": str(schema or found_in or ""),
        "path": [str(each) for each in path],
        "translated": sorted(translated.items(), key=str),
        "width": getattr(context._version.c.version_num.type, "length", None),
    }


def _found(context: Any) -> tuple[Any, Any]:
    name = '"{}"'.format(str(context.version_table).replace('"', '""'))
    cursor = context.connection.connection.cursor()
    try:
        cursor.execute(FOUND % name.replace("'", "''").replace("%", "%%"))
        found_in, path = cursor.fetchone()
        return found_in, path or []
    finally:
        cursor.close()
