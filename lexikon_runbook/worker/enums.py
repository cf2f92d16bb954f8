"""Enum types in what autogenerate drafts: created before they are used, dropped after.

Alembic's create_table creates the enum types of its columns and drops none, its add_column
creates none, and a second table's create_table stumbles over the first's. Here each type is
created and dropped by a statement of its own, and the columns only use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from alembic.operations import ops
from sqlalchemy import ARRAY, Column, Enum, MetaData
from sqlalchemy.dialects import postgresql

Key = tuple[str, str]
# Literals as they are: nothing is handed to a driver here, which would want %% for %.
DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


class ENUM(postgresql.ENUM):
    """A type that is there already, written as such: SQLAlchemy 2.0 leaves create_type out."""

    __module__ = postgresql.ENUM.__module__  # by which Alembic writes `postgresql.`

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if "create_type" in text else f"{text[:-1]}, create_type=False)"


def complete(
    up: ops.UpgradeOps,
    down: ops.DowngradeOps,
    there: Iterable[Key],
    default: str,
    kept: Iterable[MetaData],
) -> None:
    """Create and drop the enum types that a draft needs; changes the draft.

    `there` are the types of the base by schema and name, `default` is the schema of those that
    name none; a type that a table of `kept` uses is not dropped.
    """
    before = set(there)
    forth, back = _used(up, default), _used(down, default)
    made = [key for key in forth if key not in before]
    still = {key for metadata in kept for key in _of_metadata(metadata, default)}
    gone = [key for key in back if key in before and key not in still and key not in forth]
    for container in (up, down):
        _use_only(container)
    types = {**back, **forth}
    _around(up, [types[key] for key in made], [types[key] for key in gone])
    _around(down, [types[key] for key in gone], [types[key] for key in made])


def _around(container: Any, created: Sequence[Enum], dropped: Sequence[Enum]) -> None:
    create = [ops.ExecuteSQLOp(_sql(postgresql.CreateEnumType(type_))) for type_ in created]
    drop = [ops.ExecuteSQLOp(_sql(postgresql.DropEnumType(type_))) for type_ in dropped]
    container.ops[:] = [*create, *container.ops, *drop]


def _sql(statement: Any) -> str:
    """The statement as op.execute takes it, where `:word` would be a parameter."""
    text = str(statement.compile(dialect=DIALECT))
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", text)


def _used(container: Any, default: str) -> dict[Key, Enum]:
    """The types that these operations would create, or need, in order."""
    found = filter(None, map(_enum, _types(container)))
    # With create_type=False somebody else sees to it: a revision by hand, a hook of env.py.
    return {_key(type_, default): type_ for type_ in found if getattr(type_, "create_type", True)}


def _types(container: Any) -> Iterator[Any]:
    for each in container.ops:
        if isinstance(each, ops.OpContainer):
            yield from _types(each)
        elif isinstance(each, ops.CreateTableOp):
            yield from (c.type for c in each.columns if isinstance(c, Column))
        elif isinstance(each, ops.AddColumnOp):
            yield each.column.type
        elif isinstance(each, ops.AlterColumnOp):
            yield each.modify_type


def _use_only(container: Any) -> None:
    """Let the columns use their types, and create none. The models' own columns stay."""
    for each in container.ops:
        if isinstance(each, ops.OpContainer):
            _use_only(each)
        elif isinstance(each, ops.CreateTableOp):
            each.columns = [_using(c) if isinstance(c, Column) else c for c in each.columns]
        elif isinstance(each, ops.AddColumnOp):
            each.column = _using(each.column)
        elif isinstance(each, ops.AlterColumnOp):
            each.modify_type = _existing(each.modify_type)


def _using(column: Column[Any]) -> Column[Any]:
    if _enum(column.type) is None:
        return column
    own = column._copy()
    own.type = _existing(column.type)
    return own


def _existing(type_: Any) -> Any:
    """The same type, as one that is there already."""
    enum = _enum(type_)
    if enum is None:
        return type_
    own = ENUM(*enum.enums, name=enum.name, schema=enum.schema, create_type=False)
    return own if enum is type_ else postgresql.ARRAY(own, dimensions=type_.dimensions)


def _enum(type_: Any) -> Enum | None:
    """The named type that a column of this type has, itself or in an array."""
    inner = type_.item_type if isinstance(type_, ARRAY) else type_
    if isinstance(inner, Enum) and inner.native_enum and inner.name:
        return inner
    return None


def _of_metadata(metadata: MetaData, default: str) -> Iterator[Key]:
    for table in metadata.tables.values():
        for column in table.columns:
            if (type_ := _enum(column.type)) is not None:
                yield _key(type_, default)


def _key(type_: Enum, default: str) -> Key:
    return type_.schema or default, str(type_.name)
