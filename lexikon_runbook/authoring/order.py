"""Questions about what happens to rows: renames, data migrations, enum types, defaults. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..postgres.catalog import Catalog
from ..postgres.names import spelled
from ..postgres.statements import Effect
from .evidence import Evidence
from .keys import bare, given, qualified, type_of
from .remark import Remark, of_findings
from .undoing import LAST

UNDEFINED_OBJECT, DUPLICATE_OBJECT = "42704", "42710"
BATCH = 5000


def on_renames(of: Evidence) -> Iterator[Remark]:
    """Whether a drop and an add are a rename that autogenerate could not see."""
    for dropped in of.effects("drop column"):
        for name in _likely(dropped.name, _added(of, dropped)):
            table, schema = given(dropped.table)
            yield Remark(
                "danger",
                f"{dropped.table}.{dropped.name} is dropped, and {name} of the same type is added: "
                "if this is a rename, every value is lost",
                f'# in upgrade()\nop.alter_column({table}, "{dropped.name}", '
                f'new_column_name="{name}"{schema})\n# in downgrade()\nop.alter_column('
                f'{table}, "{name}", new_column_name="{dropped.name}"{schema})',
            )
    for gone in of.effects("drop table"):
        for made in of.effects("create table"):
            if _alike(of, gone.name, made.name):
                (old, schema), (new, _) = given(gone.name), given(made.name)
                yield Remark(
                    "danger",
                    f"table {gone.name} is dropped and {made.name}, with much the same columns, is "
                    "created: if this is a rename, every row is lost",
                    f"# in upgrade()\nop.rename_table({old}, {new}{schema})\n"
                    f"# in downgrade()\nop.rename_table({new}, {old}{schema})",
                )


def _added(of: Evidence, dropped: Effect) -> list[str]:
    """The columns of its type that are added to the table of a column that is dropped.

    None whose values are all computed: nothing could be renamed to it.
    """
    old = _column(of.before, dropped.table, dropped.name)
    return [
        added.name
        for added in of.effects("add column")
        if added.table == dropped.table
        and (not added.says("GENERATED ALWAYS AS") or added.says("AS IDENTITY"))
        and old
        and old == _column(of.after or of.before, added.table, added.name)
    ]


def _likely(old: str, added: list[str]) -> list[str]:
    """The one whose name is alike, where there is one; else any of them could be it."""
    return difflib.get_close_matches(old, added, 1) or added


def _alike(of: Evidence, old: str, new: str) -> bool:
    """Whether two tables share at least half of their columns, and more than an id."""
    before, after = _columns(of.before, old), _columns(of.after or of.before, new)
    same = before & after
    return len(same) > 1 and len(same) * 2 >= max(len(before), len(after))


def _columns(of: Catalog, table: str) -> set[tuple[str, str]]:
    start = f"{qualified(table)}."
    return {
        (name.removeprefix(start), type_of(of, table, name.removeprefix(start)))
        for kind, name in of.objects
        if kind == "column" and name.startswith(start)
    }


def _column(of: Catalog, table: str, column: str) -> str:
    return type_of(of, spelled(table), spelled(column))


def on_data(of: Evidence) -> Iterator[Remark]:
    """Whether rows are changed in the safe order: nullable, filled in batches, then NOT NULL."""
    required = of.found(("not-null-without-default",))
    for finding, effect in zip(required, _required(of), strict=False):
        yield Remark("danger", finding.detail, _three_steps(effect))
    updated: dict[str, Effect] = {}
    for statement in reversed(of.up):
        for effect in statement.effects:
            if effect.verb == "update":
                updated[effect.table] = effect
            elif effect.verb == "set not null" and effect.table in updated:
                yield Remark(
                    "danger",
                    f"{effect.table}.{effect.name} becomes NOT NULL before it is filled by UPDATE",
                    f"# after the UPDATE\n{_not_null(effect.table, effect.name)}",
                )
    yield from _in_one_transaction(of)
    yield from of_findings(of.found(("update-every-row",)))


def _required(of: Evidence) -> list[Effect]:
    """The new columns that are NOT NULL without a default, as the rule finds them."""
    return [
        effect
        for effect in of.effects("add column")
        if effect.says("NOT NULL")
        and not (effect.default or effect.rewrites is True or effect.says("GENERATED"))
        and of.context.exists(effect.table)
    ]


def _three_steps(effect: Effect) -> str:
    table, column = effect.table, effect.name
    return (
        f"# 1. in this revision: without NOT NULL\n"
        f'op.execute("ALTER TABLE {spelled(table)} ADD COLUMN {spelled(column)} {effect.type}")\n'
        f"{_batches(table, column)}\n"
        f"# 3. in a third revision\n"
        f"{_not_null(table, column)}\n"
        f"# or, where one value fits every row: server_default= in the model and in add_column"
    )


def _not_null(table: str, column: str) -> str:
    name, schema = given(table)
    return f'op.alter_column({name}, "{column}", nullable=False{schema})'


def _batches(table: str, column: str) -> str:
    sql = (
        f"UPDATE {spelled(table)} SET {spelled(column)} = ... WHERE ctid = ANY (ARRAY(SELECT ctid "
        f"FROM {spelled(table)} WHERE {spelled(column)} IS NULL LIMIT {BATCH}))"
    )
    return (
        "# 2. in the next revision: fill it, each batch in a transaction of its own\n"
        "with op.get_context().autocommit_block():\n"
        f'    fill = sa.text("{sql}")\n'
        "    while op.get_bind().execute(fill).rowcount:\n"
        "        pass"
    )


def _in_one_transaction(of: Evidence) -> Iterator[Remark]:
    """An UPDATE in the transaction that holds ACCESS EXCLUSIVE on the same table."""
    locked: dict[str, str] = {}
    for statement in of.up:
        for effect in statement.effects:
            if effect.verb == "update" and effect.table in locked:
                severity = of.context.graded(effect.table, "note")
                if severity:
                    yield Remark(
                        severity,
                        f"{locked[effect.table]} locks {of.context.counted(effect.table)} against "
                        "everybody until the UPDATE after it is committed",
                        "# move the UPDATE into the next revision, and NOT NULL into a third\n"
                        + _batches(effect.table, "COLUMN"),
                    )
            elif any(lock.mode == "ACCESS EXCLUSIVE" for lock in effect.locks or ()):
                locked.setdefault(effect.table or effect.name, effect.verb.upper())


def on_enums(of: Evidence) -> Iterator[Remark]:
    """Whether enum types are created before they are used, and dropped on the way down."""
    made = {effect.name for effect in of.effects("create type")}
    there = {LAST.sub(r"\2", name) for kind, name in of.before.objects if kind == "enum"}
    again = sorted(made & there) if of.sqlstate == DUPLICATE_OBJECT else []
    for type_ in again:
        yield _made_again(type_)
    # The rule of the plan does not know the base: it would have such a type dropped.
    yield from of_findings(
        of.found(("enum-label",) if again else ("type-left-behind", "enum-label"))
    )
    if of.sqlstate != UNDEFINED_OBJECT:
        return
    for effect in of.effects("add column", "alter column type"):
        type_ = effect.type.strip('"')
        if re.fullmatch(r"\w+", type_) and type_ not in made | there and type_ in of.source:
            yield Remark(
                "danger",
                f"{effect.table}.{effect.name} is of type {type_}, which nothing creates: only "
                "create_table creates the enum types of its columns",
                f'# first in upgrade()\nsa.Enum(..., name="{type_}").create(op.get_bind())\n'
                f'# last in downgrade()\nop.execute("DROP TYPE {type_}")',
            )


def _made_again(type_: str) -> Remark:
    return Remark(
        "danger",
        f"upgrade() creates type {type_}, which is there already: create_table creates the enum "
        "types of its columns, whoever else has them",
        "# in upgrade(), in place of sa.Enum(...) or CREATE TYPE; downgrade() keeps the type\n"
        "from sqlalchemy.dialects import postgresql\n"
        f'postgresql.ENUM(..., name="{type_}", create_type=False)',
    )


def on_defaults(of: Evidence) -> Iterator[Remark]:
    """What happens to values: types that change, and defaults that the application relies on."""
    yield from of_findings(of.found(("change-type", "volatile-default")))
    for change in of.made.changed:
        part = LAST.match(change.name)
        if change.kind != "column" or not part or change.before is None or change.after is None:
            continue
        where = f"{bare(part[1])}.{part[2]}"
        if " DEFAULT " in change.before and " DEFAULT " not in change.after:
            required = change.after.endswith("NOT NULL")
            yield Remark(
                "warning" if required else "note",
                f"{where} loses its default: "
                + ("an INSERT that leaves it out fails" if required else "new rows have NULL"),
                "# deploy code that gives the value first; or keep server_default= in the model",
            )
        else:
            yield Remark("note", f"{where}: {change.detail}")
