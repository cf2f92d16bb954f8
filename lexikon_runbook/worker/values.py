"""The values that a revision gives to its statements; offline mode leaves them out, or NULL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import StatementError
from sqlalchemy.sql import visitors


def complete(context: Any) -> None:
    """Let that offline context write statements with their values, and none that lacks one.

    `connection.execute(statement, values)` and a parameter without a value are then as online.
    """
    impl = context.impl
    write = impl._exec
    impl.literal_binds = True

    def written(construct: Any, *given: Any, **named: Any) -> Any:
        statement = text(construct) if isinstance(construct, str) else construct
        _require(statement)
        return write(statement, *given, **named)

    def execute(construct: Any, *given: Any, **named: Any) -> None:
        for row in _rows(given, named):
            impl._exec(_with(construct, row))

    impl._exec = written
    where = "_execute_impl" if hasattr(context.connection, "_execute_impl") else "execute"
    setattr(context.connection, where, execute)


def _rows(given: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """One set of values for each time that the statement runs."""
    named.pop("execution_options", None)
    rows = [each for one in given for each in (one if isinstance(one, list) else [one]) if each]
    return rows or [named]


def _with(construct: Any, row: Any) -> Any:
    """The statement with these values: of its parameters, else of the columns that it writes."""
    if not row or not isinstance(row, Mapping):
        return construct
    statement = text(construct) if isinstance(construct, str) else construct
    known = {bind.key for bind in _binds(statement)}

    def set_(bind: Any) -> None:
        if bind.key in row:
            bind.value, bind.required = row[bind.key], False
            bind.type = type(bind)(bind.key, bind.value).type if _untyped(bind) else bind.type

    statement = visitors.cloned_traverse(statement, {}, {"bindparam": set_})
    rest = {name: value for name, value in row.items() if name not in known}
    return statement.values(rest) if rest and hasattr(statement, "values") else statement


def _untyped(bind: Any) -> bool:
    return bool(bind.type._isnull)


def _require(statement: Any) -> None:
    """Raise what an execution would for a parameter that has no value."""
    for bind in _binds(statement):
        if bind.required and bind.value is None and bind.callable is None:
            raise StatementError(
                f"A value is required for bind parameter {bind.key!r}", str(statement), None, None
            )


def _binds(statement: Any) -> list[Any]:
    if not hasattr(statement, "get_children"):
        return []
    return [each for each in visitors.iterate(statement) if each.__visit_name__ == "bindparam"]
