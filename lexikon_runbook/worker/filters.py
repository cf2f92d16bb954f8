"""What env.py's include_name and include_object leave out, of what a database holds. Reads only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Callable

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import MetaData, Table
from sqlalchemy.exc import NoSuchTableError

from . import told

Question = Sequence[str]
PARTS = {
    "column": "columns",
    "index": "indexes",
    "unique_constraint": "constraints",
    "foreign_key_constraint": "constraints",
}


class Raised(Exception):
    """A function of env.py raised when it was asked about that object; `told` says how."""

    def __init__(self, hook: str, about: str, error: Exception) -> None:
        super().__init__(hook)
        self.told = {"hook": hook, "about": about, "error": told.of(error)}


def noting(
    asked: Sequence[Question], found: list[set[int]]
) -> Callable[[Any, Any, dict[str, Any]], list[Any]]:
    """What env.py is to run in place of migrations: note which questions are of what is left out.

    A question is a schema, a table, what Alembic calls the object, and its name. Raises Raised.
    """

    def look(_rows: Any, context: Any, _given: dict[str, Any]) -> list[Any]:
        filters = Filters(context)
        found.append({n for n, each in enumerate(asked) if filters.leave_out(*each)})
        return []

    return look


class Filters:
    """Both functions of one configuration of env.py, called as Alembic's own comparison does."""

    def __init__(self, context: Any) -> None:
        self.own = AutogenContext(context, autogenerate=False)
        self.by_object = bool(context.opts.get("include_object"))
        self.default = context.connection.dialect.default_schema_name
        self.modelled = self.own.table_key_to_table if self.own.metadata is not None else {}
        self.reflected: dict[tuple[str | None, str], Any] = {}

    def leave_out(self, schema: str, table: str, kind: str, name: str) -> bool:
        """Whether that object is left out, by itself or with its table or schema."""
        own = None if schema == self.default else schema
        if not self._named(own, "schema", {}):
            return True
        if not table:
            return False
        if not (self._named(table, "table", {"schema_name": own}) and self._let(own, table)):
            return True
        if kind == "table":
            return False
        named = self._named(name, kind, {"table_name": table, "schema_name": own})
        return not (named and self._let(own, table, kind, name))

    def _named(self, name: str | None, kind: Any, parents: Any) -> bool:
        # Alembic names no schema where it is the connection's default.
        return self._asked(
            "include_name", f"{kind} {name}", lambda: self.own.run_name_filters(name, kind, parents)
        )

    def _let(self, schema: str | None, table: str, kind: Any = "table", name: str = "") -> bool:
        """What include_object says: of the model, where there is one, as Alembic asks it."""
        there = _part(self._there(schema, table), kind, name) if self.by_object else None
        if there is None:
            return True
        meant, called = _part(self._meant(schema, table), kind, name), name or table
        given = (there, called, kind, True, None)
        if meant is not None:
            given = (meant, called, kind, False, there)
        return self._asked(
            "include_object", f"{kind} {called}", lambda: self.own.run_object_filters(*given)
        )

    def _asked(self, hook: str, about: str, ask: Callable[[], Any]) -> bool:
        try:
            return bool(ask())
        except Exception as error:
            raise Raised(hook, about, error) from None

    def _there(self, schema: str | None, table: str) -> Any:
        """The table as the database has it; None where it is gone."""
        if (schema, table) not in self.reflected:
            self.reflected[schema, table] = self._reflect(schema, table)
        return self.reflected[schema, table]

    def _reflect(self, schema: str | None, table: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of types and indexes that SQLAlchemy does not know
            try:
                return Table(
                    table,
                    MetaData(),
                    schema=schema,
                    autoload_with=self.own.connection,
                    resolve_fks=False,
                )
            except NoSuchTableError:
                return None

    def _meant(self, schema: str | None, table: str) -> Any:
        keys = [f"{schema or self.default}.{table}", *([] if schema else [table])]
        return next((self.modelled[key] for key in keys if key in self.modelled), None)


def _part(table: Any, kind: str, name: str) -> Any:
    """That part of a table, or itself; None where it has none of that name."""
    if table is None or kind == "table":
        return table
    return next((each for each in getattr(table, PARTS[kind]) if each.name == name), None)
