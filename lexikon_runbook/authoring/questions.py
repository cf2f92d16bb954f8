"""The questions of a review: the guide's four, and its best practices. Pure.

Sources: the migrations guide (Workflow, step 3; Best Practices 2, 3, 4 and 7), the rules of
`plan.rules`, and the limits of autogenerate that Alembic's manual lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..plan import rules
from ..postgres import statements
from ..postgres.names import spelled
from ..postgres.statements import Effect, Statement
from . import house, keys, message, order, undoing
from .comparing import UNSEEN
from .evidence import Evidence
from .keys import bare
from .remark import Remark, of_findings

LOSSES = ("drop-table", "drop-column", "drop-cascade", "truncate", "delete-rows")
WAY_BACK = ("irreversible",)
ROWS = ("not-null-without-default", "update-every-row")
TYPES = ("type-left-behind", "enum-label", "change-type", "volatile-default")
MANY_TABLES = 5  # best practice 2: "DON'T: add 5 tables in one migration"
BLIND = ("view", "materialized view", "function", "trigger", "policy", "grant", "rule", "sequence")


@dataclass(frozen=True)
class Question:
    """One question: what to ask of the evidence, and what is said when there is nothing to say."""

    id: str
    title: str
    ask: Callable[[Evidence], Iterable[Remark]] = field(repr=False)
    fine: Callable[[Evidence], str] = field(repr=False)


def _upgrade(of: Evidence) -> Iterator[Remark]:
    if of.failed:
        yield Remark("danger", f"it fails on a database without rows: {of.failed}")
    elif not of.up and of.known and not of.made:
        yield Remark("warning", "upgrade() does nothing")
    if house.UP_UNSAID in of.source:
        yield Remark("warning", "its docstring is still to be written", f'"""{_does(of.up)}"""')
    yield from of_findings(of.found(("sql-unknown", "unknown-code", "swallowed-error")))


def _downgrade(of: Evidence) -> Iterator[Remark]:
    yield from of_findings(of.found(WAY_BACK))
    if of.found(WAY_BACK) or not of.known_down:
        return
    if house.DOWN_UNSAID in of.source:
        yield Remark("warning", "its docstring is still to be written", f'"""{_does(of.down)}"""')
    undone = {(e.kind, e.name) for s in of.down for e in s.effects if e.action == "drops"}
    gone = {name for kind, name in undone if kind == "table"}
    for effect in (e for s in of.up for e in s.effects):
        made = effect.action == "creates" and effect.name and effect.kind != "type"
        if made and effect.table not in gone and not _undone(effect, undone):
            yield Remark("danger", f"it leaves {effect.kind} {effect.name}", _undo(effect))


def _undone(effect: Effect, undone: set[tuple[str, str]]) -> bool:
    """Whether something of that name goes; a function's name may have its arguments with it."""
    short = effect.name.rpartition(".")[2]
    return any(short == name.rpartition(".")[2] for _, name in undone)


def _undo(effect: Effect) -> str:
    kind = effect.kind.upper()
    if effect.kind in ("column", "constraint"):
        sql = f"ALTER TABLE {spelled(effect.table)} DROP {kind} {spelled(effect.name)}"
    else:
        on = f" ON {spelled(effect.table)}" if effect.kind in undoing.ON_TABLE else ""
        sql = f"DROP {kind} {spelled(effect.name)}{on}"
    return f"# in downgrade()\n{rules.rule.execute(sql)}"


def _loss(of: Evidence) -> Iterator[Remark]:
    yield from of_findings(of.found(LOSSES))


def _locks(of: Evidence) -> Iterator[Remark]:
    answered = {*LOSSES, *WAY_BACK, *ROWS, *TYPES}
    answered |= {"sql-unknown", "unknown-code", "swallowed-error"}
    yield from of_findings(f for f in of.findings if f.rule.id not in answered)


def _one_change(of: Evidence) -> Iterator[Remark]:
    if not of.revision.down:
        return
    created = [e.name for e in of.effects("create table")]
    if len(created) >= MANY_TABLES:
        yield Remark("warning", f"it creates {len(created)} tables: {', '.join(created)}")
    groups = _groups(of)
    if len(groups) > 1:
        said = "; ".join(", ".join(sorted(map(bare, group))) for group in groups)
        yield Remark(
            "warning",
            f"its tables are not related: {said}. One revision for each can be rolled back alone",
        )


def _groups(of: Evidence) -> list[set[str]]:
    """The tables that it creates, drops or changes, joined by the foreign keys between them."""
    changes = (*of.made.added, *of.made.removed, *of.made.changed)
    touched = {c.name if c.kind == "table" else undoing.table_of(c) for c in changes} - {""}
    pairs = [
        (key.table, keys.qualified(key.refers))
        for catalog in (of.before, of.after or of.before)
        for key in keys.foreign_keys(catalog).values()
    ]
    groups: list[set[str]] = []
    for table in sorted(touched):
        joined = {table} | {b for a, b in pairs if a == table} | {a for a, b in pairs if b == table}
        near = [group for group in groups if group & joined]
        groups = [group for group in groups if group not in near]
        groups.append({table}.union(*near) | (joined & touched))
    return groups


def _message(of: Evidence) -> Iterator[Remark]:
    if why := message.poor(of.revision.message):
        said = message.suggested(_does(of.up))
        yield Remark("warning", f"{of.revision.message!r}: {why}", f'message="{said}"')


def _does(sql: Iterable[Statement]) -> str:
    """What statements do, as a sentence."""
    words = statements.describe(sql)
    return re.sub(r"^(\w+?)s\b", r"\1", words).capitalize()[:1] + words[1:] if words else ""


def _unseen(of: Evidence) -> Iterator[Remark]:
    there = [kind for kind, _ in (of.after or of.before).objects]
    some = [f"{there.count(kind)} {kind}" for kind in BLIND if kind in there]
    held = f" This schema holds, by kind: {', '.join(some)}." if some else ""
    yield Remark("note", f"{UNSEEN}{held}")


QUESTIONS = (
    Question(
        "upgrade",
        "Is upgrade() right?",
        _upgrade,
        lambda of: f"it runs on an empty copy, and {of.made.summary() or 'changes no schema'}",
    ),
    Question(
        "downgrade",
        "Is downgrade() its inverse?",
        _downgrade,
        lambda of: f"{_does(of.down) or 'nothing'}; the proof below compares the whole catalogs",
    ),
    Question(
        "foreign-keys",
        "Are the foreign keys right?",
        keys.on_foreign_keys,
        lambda of: "all are named, and say what a delete does" if _keys(of) else "none is added",
    ),
    Question(
        "indexes",
        "Are the indexes in it?",
        keys.on_indexes,
        lambda of: "each foreign key has one under it" if _keys(of) else "none is missing",
    ),
    Question("loss", "Does it lose data?", _loss, lambda of: "it drops no table, column or row"),
    Question(
        "renames",
        "Is a rename taken for a drop and an add?",
        order.on_renames,
        lambda of: "nothing is both dropped and added",
    ),
    Question(
        "rows",
        "Are rows changed in the safe order?",
        order.on_data,
        lambda of: "it changes no row at once, and requires no value that rows lack",
    ),
    Question(
        "locks",
        "Does the application keep running?",
        _locks,
        lambda of: "nothing in it makes others wait for long",
    ),
    Question(
        "enums",
        "Do enum types come and go with it?",
        order.on_enums,
        lambda of: (
            "created before they are used, dropped on the way down"
            if of.effects("create type")
            else "it has none"
        ),
    ),
    Question(
        "defaults",
        "Are types and defaults kept?",
        order.on_defaults,
        lambda of: "none that exists is changed",
    ),
    Question(
        "one-change",
        "Is it one logical change?",
        _one_change,
        lambda of: "its tables belong together",
    ),
    Question(
        "message",
        "Does the message say what it does?",
        _message,
        lambda of: of.revision.message,
    ),
    Question("unseen", "What can't autogenerate see?", _unseen, lambda of: ""),
)


def _keys(of: Evidence) -> bool:
    after = of.after or of.before
    return keys.foreign_keys(after) != keys.foreign_keys(of.before)
