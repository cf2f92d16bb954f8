"""Rules about a revision's Python: what it hides, forgets, or tells only when it runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ...postgres.names import spelled
from ...project import syntax
from .rule import Context, Hit, Rule, execute


def _swallowed(context: Context) -> Iterator[Hit]:
    for line, text in syntax.swallowed(context.source, context.direction):
        yield Hit(
            "danger",
            "",
            f"line {line}: `{text}` lets the revision go on after a database error, and it is "
            "recorded as applied",
            "Let the error through. To allow for one statement to fail, give it a savepoint:\n"
            "with op.get_bind().begin_nested():\n    op.execute(...)",
        )


def _irreversible(context: Context) -> Iterator[Hit]:
    source, down = context.source, context.direction == "downgrade"
    if syntax.parse(source) is None or syntax.does_nothing(source, "upgrade"):
        return
    refuses = syntax.refuses(source, "downgrade")
    if not refuses and not syntax.does_nothing(source, "downgrade"):
        return
    how = "raises" if refuses else "does nothing"
    then = "the downgrade fails" if refuses else "the database is recorded as older than it is"
    yield Hit(
        "danger" if down else "warning",
        "",
        f"downgrade() of {context.revision} {how}: {then}" if down else f"downgrade() {how}",
        "Write downgrade() so that it undoes upgrade(), last thing first; if that cannot be, "
        "go forward with a new revision, or restore a backup.",
    )


def _types_left(context: Context) -> Iterator[Hit]:
    effects = [effect for statement in context.statements for effect in statement.effects]
    dropped = {e.name for e in effects if e.action == "drops" and e.kind == "type"}
    undone = syntax.strings(context.source, "downgrade")
    by_variable = syntax.drops_by_variable(context.source, "downgrade")
    for name in sorted(_types_made(context)):
        bare = name.rpartition(".")[2]
        if context.direction == "downgrade" and context.sql_known:
            gone = bool({name, bare} & dropped)
        else:
            gone = by_variable or bool(re.search(rf"\b{re.escape(bare)}\b", undone))
        if not gone and not syntax.does_nothing(context.source, "downgrade"):
            yield Hit(
                "warning",
                "",
                f"upgrade() creates type {name} and downgrade() leaves it: the next upgrade "
                "fails with 'type already exists' (SQLSTATE 42710)",
                "At the end of downgrade():\n    " + execute(f"DROP TYPE {spelled(name)}"),
            )


def _types_made(context: Context) -> set[str]:
    """Enum types that upgrade() creates, from its SQL (on the way up) or its Python."""
    if context.direction == "upgrade" and context.sql_known:
        return {effect.name for _, effect in context.effects("create type")}
    made = set(
        re.findall(r"(?i)\bCREATE[ ]+TYPE[ ]+([\w.]+)", syntax.strings(context.source, "upgrade"))
    )
    for node in syntax.walk(context.source, "upgrade"):
        if isinstance(node, ast.Call) and _creates(node):
            made |= {name for inner in ast.walk(node) if (name := _enum_name(inner))}
    return made


def _creates(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("create_table", "create")


def _enum_name(node: ast.AST) -> str:
    """The `name` of `sa.Enum(...)`, unless it is told not to create the type."""
    if not isinstance(node, ast.Call) or not syntax.named(node).lower().endswith("enum"):
        return ""
    given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    name = given.get("name")
    created = given.get("create_type", True) and given.get("native_enum", True)
    return name if isinstance(name, str) and created else ""


def _unknown_sql(context: Context) -> Iterator[Hit]:
    if not context.sql_known:
        yield Hit(
            "danger",
            "",
            f"the SQL of {context.revision} is known only when it runs, so its locks and what "
            "it drops are not in this plan",
            "Try it on a copy and read its file before approving. To make it known, do "
            "not fetch rows in the revision: say it in SQL (INSERT ... SELECT, UPDATE ... FROM).",
        )


def _code(context: Context) -> Iterator[Hit]:
    for statement in context.statements:
        unknown = [effect.kind for effect in statement.effects if effect.locks is None]
        if unknown:
            what = "runs code" if "code" in unknown else "is not a statement known here"
            yield Hit(
                "danger" if {"code", "statement"} & set(unknown) else "note",
                statement.text,
                f"{statement.verb.upper() or 'a statement'} {what}: its locks and effects are "
                "not known",
                "Try it on a copy first, or write what it does as plain statements.",
            )


def _ends_transaction(context: Context) -> Iterator[Hit]:
    for statement in context.statements:
        if statement.verb in ("commit", "rollback", "begin"):
            yield Hit(
                "danger",
                statement.text,
                f"{statement.verb.upper()} ends the revision's transaction: what follows stays "
                "when the revision fails, and the lock timeout may be gone",
                "Leave it out, or use a block that Alembic knows of:\n"
                "with op.get_context().autocommit_block():\n    op.execute(...)",
            )


def _enum_value(context: Context) -> Iterator[Hit]:
    for statement, effect in context.effects("add enum value"):
        yield Hit(
            "note",
            statement.text,
            f"the new label of {effect.name} cannot be used before COMMIT, and no downgrade "
            "can take it away",
            "Use it in a later revision only. In downgrade() leave it, or make the type anew.",
        )


_SWALLOWS = """def upgrade():
    try:
        op.drop_constraint("terms_name_key", "terms")
    except Exception:
        pass
"""
_LETS_THROUGH = """def upgrade():
    op.execute("ALTER TABLE terms DROP CONSTRAINT IF EXISTS terms_name_key")
"""
_ONE_WAY = """def upgrade():
    op.execute("ALTER TABLE terms ADD COLUMN note text")

def downgrade():
    pass
"""
_TWO_WAYS = _ONE_WAY.replace("pass", 'op.execute("ALTER TABLE terms DROP COLUMN note")')
_LEAVES_TYPE = """def upgrade():
    op.execute("CREATE TYPE moodenum AS ENUM ('good', 'bad')")
    op.execute("CREATE TABLE moods (mood moodenum)")

def downgrade():
    op.execute("DROP TABLE moods")
"""
_DROPS_TYPE = _LEAVES_TYPE + '    op.execute("DROP TYPE moodenum")\n'
_FETCHES = """def upgrade():
    for row in op.get_bind().execute(sa.text("SELECT id FROM terms")).fetchall():
        op.execute(f"UPDATE terms SET domain = 'x' WHERE id = '{row.id}'")
"""
_TELLS = """def upgrade():
    op.execute("UPDATE terms SET domain = 'x' WHERE domain IS NULL")
"""
RULES = (
    Rule(
        id="swallowed-error",
        title="A database error is swallowed",
        severity="danger",
        meaning=(
            "A try whose except does not raise on every way out, or contextlib.suppress, around "
            "calls that reach the database, without a savepoint (begin_nested) inside."
        ),
        effect="After an error PostgreSQL refuses all else in the transaction (25P02), which "
        "hides the cause; with a rollback, what came before is lost and the revision "
        "still counts as applied.",
        remedy="Let the error through, or use IF EXISTS, or a savepoint inside the try.",
        bad=_SWALLOWS,
        good=_LETS_THROUGH,
        match=_swallowed,
    ),
    Rule(
        id="irreversible",
        title="There is no way back",
        severity="danger",
        meaning=(
            "upgrade() does something; downgrade() is missing, empty, or raises. A warning on "
            "the way up, danger on the way down."
        ),
        effect="A downgrade that does nothing is recorded as done: the schema is newer than its "
        "version says. One that raises stops the rollback.",
        remedy="Write the downgrade, or know before deploying that the way is forward.",
        bad=_ONE_WAY,
        good=_TWO_WAYS,
        match=_irreversible,
    ),
    Rule(
        id="type-left-behind",
        title="A downgrade leaves an enum type",
        severity="warning",
        meaning="upgrade() creates a type that downgrade() does not drop.",
        effect="Dropping a table does not drop its enum types. The next upgrade fails: 'type "
        "already exists'.",
        remedy="Drop each type after the last table that uses it.",
        bad=_LEAVES_TYPE,
        good=_DROPS_TYPE,
        match=_types_left,
    ),
    Rule(
        id="sql-unknown",
        title="The SQL is known only when it runs",
        severity="danger",
        meaning=(
            "Alembic cannot render the revision offline: it asks the database and goes on by "
            "the answer. A danger on the way up and on the way down."
        ),
        effect="Nothing of what it locks, rewrites or drops can be shown or approved before.",
        remedy="Say it in SQL, without fetching rows in Python.",
        bad=_FETCHES,
        good=_TELLS,
        match=_unknown_sql,
    ),
    Rule(
        id="ends-transaction",
        title="A revision ends its own transaction",
        severity="danger",
        meaning="COMMIT, ROLLBACK or BEGIN in the SQL of a revision.",
        effect="What came before is committed (or lost) whatever follows, behind Alembic's back.",
        remedy="Leave transactions to Alembic; autocommit_block() for what cannot be in one.",
        bad="COMMIT",
        good="SAVEPOINT before_rows",
        match=_ends_transaction,
    ),
    Rule(
        id="unknown-code",
        title="A statement whose effects are not known",
        severity="danger",
        meaning=(
            "A DO block, a CALL or a statement that is not recognised; a SELECT of a function is "
            "a note."
        ),
        effect="Its locks and effects are not in the plan.",
        remedy="Write it as plain statements, or try it on a copy first.",
        bad="DO $$ BEGIN DELETE FROM terms; END $$",
        good="UPDATE terms SET status = 'draft' WHERE status IS NULL",
        match=_code,
    ),
    Rule(
        id="enum-label",
        title="A label is added to an enum type",
        severity="note",
        meaning="ALTER TYPE ... ADD VALUE.",
        effect=(
            "The label cannot be used in the transaction that adds it (55P04), and PostgreSQL "
            "has no statement that removes one."
        ),
        remedy="Use it in a later revision.",
        bad="ALTER TYPE termstatusenum ADD VALUE 'archived'",
        good="ALTER TYPE termstatusenum RENAME VALUE 'draft' TO 'open'",
        match=_enum_value,
    ),
)
