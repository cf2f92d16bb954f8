"""Rules about who waits: indexes, lock timeouts, explicit locks, transactions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...postgres.names import spelled
from ...postgres.statements import Effect, Statement, strength
from ...project import syntax
from .rule import Context, Hit, Rule, autocommit, execute

_BLOCKS_WRITERS = strength("SHARE")
_SET = re.compile(r"\block_timeout\s*(?:=|\bto\b)\s*'?\s*(\w[\w. ]*?)\s*'?\s*;?\s*$", re.IGNORECASE)
_SET_CONFIG = re.compile(r"\bset_config\s*\(\s*'lock_timeout'\s*,\s*'([^']*)'", re.IGNORECASE)
_UNITS = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_ADVISORY = re.compile(r"\bpg_advisory_(xact_)?lock(_shared)?\s*\(", re.IGNORECASE)


def _index(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("create index"):
        if severity := context.graded(effect.table, "note"):
            yield Hit(
                severity,
                statement.text,
                f"index {effect.name} blocks writers of {context.counted(effect.table)}",
                autocommit(_concurrently(statement)),
            )


def _concurrently(statement: Statement) -> str:
    text = statement.text.rstrip(" \n;")
    return re.sub(r"\bINDEX\b", "INDEX CONCURRENTLY", text, count=1, flags=re.IGNORECASE)


def _drop_index(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("drop index"):
        if context.graded(effect.name, None):
            yield Hit(
                "warning",
                statement.text,
                f"waits for all who use the table of {context.counted(effect.name)}, "
                "and they wait behind it",
                autocommit(f"DROP INDEX CONCURRENTLY {spelled(effect.name)}"),
            )


def _in_transaction(context: Context) -> Iterator[Hit]:
    for statement in _outside(context):
        if not syntax.leaves_transaction(context.source, context.direction):
            yield Hit(
                "danger",
                statement.text,
                f"{statement.verb} cannot run inside the revision's transaction (SQLSTATE 25001)",
                autocommit(statement.text.rstrip(" \n;")),
            )


def _halfway(context: Context) -> Iterator[Hit]:
    outside = _outside(context)
    others = [s for s in context.statements if s not in outside and s.effects[0].kind != "session"]
    if others and outside and syntax.leaves_transaction(context.source, context.direction):
        yield Hit(
            "warning",
            outside[0].text,
            f"if {outside[0].verb} fails, the other statements of {context.revision} may stay "
            "without the revision being recorded",
            "Give it a revision of its own:\n" + autocommit(*(s.text for s in outside)),
        )


def _outside(context: Context) -> list[Statement]:
    return [statement for statement in context.statements if not statement.transactional]


def _kept_invalid(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("create index concurrently"):
        if statement.says("IF NOT EXISTS"):
            again = re.sub(r"\s+IF\s+NOT\s+EXISTS\b", "", statement.text, flags=re.IGNORECASE)
            yield Hit(
                "warning",
                statement.text,
                f"an INVALID {effect.name}, left by a build that failed, would be kept as it is",
                autocommit(f"DROP INDEX CONCURRENTLY IF EXISTS {spelled(effect.name)}", again),
            )


def _no_timeout(context: Context) -> Iterator[Hit]:
    limit = context.lock_timeout_s or 0.0
    for statement in context.statements:
        changed = _new_timeout(statement)
        if changed is not None:
            if changed == 0 or changed > (context.lock_timeout_s or changed):
                waits = f"up to {changed:g} s" if changed else "for ever"
                yield Hit("danger", statement.text, f"lets locks wait {waits}", _timeout(context))
            limit = changed
        elif limit == 0 and (waited := _waited_for(context, statement)):
            detail = f"waits for {waited} without a limit, and the application waits behind it"
            yield Hit("danger", statement.text, detail, _timeout(context))
            return


def _timeout(context: Context) -> str:
    seconds = context.lock_timeout_s or 2
    return execute(f"SET LOCAL lock_timeout = '{round(seconds * 1000)}ms'")


def _new_timeout(statement: Statement) -> float | None:
    """The lock_timeout in seconds that a statement sets; 0 for none; None if it sets none."""
    if statement.verb == "reset" and (statement.says("LOCK_TIMEOUT") or statement.says("ALL")):
        return 0.0
    pattern = {"set": _SET, "select": _SET_CONFIG}.get(statement.verb)
    found = pattern.search(statement.text) if pattern else None
    value = re.fullmatch(r"([0-9.]+)\s*([a-z]*)", found.group(1).strip()) if found else None
    if value and value[2] in _UNITS and value[1].count(".") < 2:
        return float(value[1]) * _UNITS[value[2]]
    return 0.0 if found else None


def _waited_for(context: Context, statement: Statement) -> str:
    held = [
        str(lock)
        for lock in statement.locks or ()
        if strength(lock.mode) >= _BLOCKS_WRITERS and context.size(lock.relation) is not None
    ]
    return ", ".join(held)


def _lock_table(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("lock table"):
        if context.exists(effect.table) and _mode(effect) >= _BLOCKS_WRITERS:
            yield Hit(
                "warning",
                statement.text,
                f"{statement.lock} on {context.counted(effect.table)} is held until COMMIT",
                "Leave LOCK out: each statement takes the lock it needs. To keep two runners "
                "apart, the runbook holds a lock of its own.",
            )


def _mode(effect: Effect) -> int:
    return max((strength(lock.mode) for lock in effect.locks or ()), default=0)


def _advisory(context: Context) -> Iterator[Hit]:
    for statement in context.statements:
        if call := _ADVISORY.search(statement.text):
            waits = call.group().rstrip("( ")
            tries = waits.replace("pg_", "pg_try_")
            yield Hit(
                "warning",
                statement.text,
                f"{waits} waits without end, holding what the revision has locked; with CREATE "
                "INDEX CONCURRENTLY it deadlocks",
                "Leave it out: the runbook holds a lock of its own. Or ask without waiting:\n"
                + statement.text.replace(waits, tries),
            )


_IN_BLOCK = """def upgrade():
    with op.get_context().autocommit_block():
        op.execute("{sql}")
"""
_PLAIN = """def upgrade():
    op.execute("{sql}")
"""
_CREATE = "CREATE INDEX CONCURRENTLY ix_terms_name ON terms (name)"

RULES = (
    Rule(
        id="lock-without-timeout",
        title="A lock is waited for without a limit",
        severity="danger",
        meaning=(
            "The target has no lock_timeout, or the revision switches it off or makes it longer."
        ),
        effect="While a lock is waited for, every later query of the table waits behind it, "
        "plain SELECTs too: one forgotten transaction becomes an outage.",
        remedy="Leave the runner's lock_timeout as it is; the runner tries again.",
        bad="SET lock_timeout = 0",
        good="SET LOCAL lock_timeout = '1s'",
        match=_no_timeout,
    ),
    Rule(
        id="index-blocks-writes",
        title="An index is built while writers wait",
        severity="danger",
        meaning="CREATE INDEX without CONCURRENTLY on a table with rows: danger on a large one, "
        "a warning over 10,000 rows, else a note.",
        effect="SHARE is held on the table until COMMIT: readers work, every INSERT, UPDATE and "
        "DELETE waits.",
        remedy="Build it CONCURRENTLY, in a revision of its own, outside the transaction.",
        bad="CREATE INDEX ix_terms_name ON terms (name)",
        good=_IN_BLOCK.format(sql=_CREATE),
        match=_index,
    ),
    Rule(
        id="drop-index-blocks",
        title="An index is dropped while everybody waits",
        severity="warning",
        meaning="DROP INDEX without CONCURRENTLY, when the index's table is over 10,000 rows.",
        effect=(
            "ACCESS EXCLUSIVE on the index's table until COMMIT: short, but it queues behind "
            "the longest running query, and everybody queues behind it."
        ),
        remedy="Drop it CONCURRENTLY, in a revision of its own, outside the transaction.",
        bad="DROP INDEX ix_terms_name",
        good=_IN_BLOCK.format(sql="DROP INDEX CONCURRENTLY ix_terms_name"),
        match=_drop_index,
    ),
    Rule(
        id="concurrently-in-transaction",
        title="A statement cannot run in a transaction",
        severity="danger",
        meaning="CONCURRENTLY, VACUUM and the like, and the revision has no autocommit_block().",
        effect="PostgreSQL refuses it (SQLSTATE 25001) and the revision fails.",
        remedy="Put it into op.get_context().autocommit_block().",
        bad=_PLAIN.format(sql=_CREATE),
        good=_IN_BLOCK.format(sql=_CREATE),
        match=_in_transaction,
    ),
    Rule(
        id="commits-halfway",
        title="A revision commits before it is done",
        severity="warning",
        meaning="A revision has statements outside its transaction beside others.",
        effect="autocommit_block() commits what came before. If a later statement fails, the "
        "database is between two revisions, and running again fails on what exists "
        "already.",
        remedy="Give the statement that cannot run in a transaction a revision of its own.",
        bad="def upgrade():\n"
        '    op.execute("ALTER TABLE terms ADD COLUMN note text")\n'
        "    with op.get_context().autocommit_block():\n"
        '        op.execute("CREATE INDEX CONCURRENTLY ix_terms_note ON terms (note)")\n',
        good=_IN_BLOCK.format(sql=_CREATE),
        match=_halfway,
    ),
    Rule(
        id="concurrently-if-not-exists",
        title="A broken index would be kept",
        severity="warning",
        meaning="CREATE INDEX CONCURRENTLY with IF NOT EXISTS.",
        effect="A build that failed leaves an INVALID index of that name. IF NOT EXISTS then "
        "succeeds and keeps it: it costs every write and helps no query.",
        remedy="Drop the index, if it exists, and create it without IF NOT EXISTS.",
        bad=_IN_BLOCK.format(sql=_CREATE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS")),
        good=_IN_BLOCK.format(sql=_CREATE),
        match=_kept_invalid,
    ),
    Rule(
        id="lock-table",
        title="A table is locked by hand",
        severity="warning",
        meaning="LOCK TABLE in SHARE mode or stronger on a table with rows.",
        effect="The lock is held until COMMIT, so the application waits for the whole revision.",
        remedy="Leave it out: each statement takes the lock it needs.",
        bad="LOCK TABLE terms",
        good="LOCK TABLE terms IN ROW EXCLUSIVE MODE",
        match=_lock_table,
    ),
    Rule(
        id="advisory-lock",
        title="An advisory lock is waited for",
        severity="warning",
        meaning="A revision calls pg_advisory_lock or pg_advisory_xact_lock.",
        effect="It waits without end while it holds its table locks, and CREATE INDEX "
        "CONCURRENTLY in another session waits for this one: a deadlock.",
        remedy="Leave it to the runner, which asks again and again and holds nothing meanwhile.",
        bad="SELECT pg_advisory_xact_lock(42)",
        good="SELECT pg_try_advisory_xact_lock(42)",
        match=_advisory,
    ),
)
