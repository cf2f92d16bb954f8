"""Generated columns in what autogenerate drafts: Alembic only warns where an expression changed.

PostgreSQL words an expression in its own way, so the model's is worded by it, too, on a
temporary table. A column whose values are all computed may be dropped and added without a loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, Computed, Table, text

from . import enums

EXPRESSIONS = text("""
select a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid)
from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = to_regclass(:name) and a.attgenerated <> ''
""")
# Where the table can't compute it, nothing is left of the temporary table.
WORD = """do $lexikon$ begin
    create temporary table lexikon_worded (like {table});
    alter table pg_temp.lexikon_worded drop column {column},
        add column {column} {type} generated always as ({expression}) stored;
exception when others then null;
end $lexikon$"""
WORDED = text("""
select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
where d.adrelid = to_regclass('pg_temp.lexikon_worded') and a.attname = :column
""")
FORGET = text("drop table if exists pg_temp.lexikon_worded")


def complete(up: ops.UpgradeOps, down: ops.DowngradeOps, drafted: Any) -> None:
    """Replace the generated columns whose expression is another one; changes the draft.

    They are dropped first and added last, so that what they are computed from may change, too.
    """
    connection = drafted.connection
    for table in drafted.sorted_tables:
        if not drafted.run_object_filters(table, table.name, "table", False, None):
            continue
        for column, computed, before in _otherwise(connection, table):
            if drafted.run_object_filters(column, column.name, "column", False, None):
                old = Column(column.name, column.type, Computed(before, computed.persisted))
                _replace(up, table, column)
                _replace(down, table, old)


def _replace(container: Any, table: Table, column: Column[Any]) -> None:
    drop = ops.DropColumnOp(table.name, str(column.name), schema=table.schema)
    container.ops.insert(0, drop)
    container.ops.append(ops.AddColumnOp(table.name, column, schema=table.schema))


def _otherwise(connection: Any, table: Table) -> Iterator[tuple[Column[Any], Computed, str]]:
    """The columns, what the models compute them from, and what the database does."""
    if not any(column.computed is not None for column in table.columns):
        return
    name = connection.dialect.identifier_preparer.format_table(table)
    for column, type_, before in connection.execute(EXPRESSIONS, {"name": name}).all():
        model = table.columns.get(column)
        computed = model.computed if model is not None else None
        if model is None or computed is None:
            continue
        word = WORD.format(
            table=name,
            column=connection.dialect.identifier_preparer.quote(column),
            type=type_,
            expression=_spelled(computed),
        )
        if _worded(connection, column, word) != before:
            yield model, computed, before


def _spelled(computed: Computed) -> str:
    """The model's expression as SQL."""
    asked = {"include_table": False, "literal_binds": True}
    return str(computed.sqltext.compile(dialect=enums.DIALECT, compile_kwargs=asked))


def _worded(connection: Any, column: str, word: str) -> str | None:
    """An expression in the server's words; None where the table can't compute it."""
    connection.execute(text(word.replace(":", "\\:")))
    found: str | None = connection.execute(WORDED, {"column": column}).scalar()
    connection.execute(FORGET)
    return found
