"""Rules about what was seen when a plan was rehearsed, or that it was not."""

from __future__ import annotations

from collections.abc import Iterator

from ...postgres.statements import strength
from .rule import Context, Hit, Rule

_BLOCKS_WRITERS = strength("SHARE")


def _fails(context: Context) -> Iterator[Hit]:
    for words in context.foretold:
        yield Hit(
            "danger",
            "",
            words,
            "Mend the revision, or the rows that are in its way, before it runs.",
        )


def _not_known(context: Context) -> Iterator[Hit]:
    for words in context.not_known:
        yield Hit(
            "warning",
            "",
            words,
            "Ask it of the database yourself, at an hour when a query may take longer.",
        )


def _not_rehearsed(context: Context) -> Iterator[Hit]:
    if context.not_rehearsed:
        why, _, mend = context.not_rehearsed.partition("\n")
        yield Hit(
            context.without_rehearsal,
            "",
            f"{context.revision} was read, not rehearsed: {why}",
            mend or "Read its SQL with care: locks, rewrites and losses are read from its text.",
        )


def _depends(context: Context) -> Iterator[Hit]:
    for text in context.depending:
        yield Hit(
            "danger",
            text,
            f"{context.revision} chooses by rows what it sends; one example is shown, and more of "
            "the same shape may be sent, once a row",
            "Say it in one statement (INSERT ... SELECT, UPDATE ... FROM): all of it is seen then.",
        )


def _unseen(context: Context) -> Iterator[Hit]:
    for words in context.unseen:
        yield Hit(
            "danger",
            "",
            f"{context.revision} goes past SQLAlchemy by a cursor of the driver's own: {words}",
            "Send it by op.execute() or the connection of op.get_bind(), so that it is shown.",
        )


def _long_work(context: Context) -> Iterator[Hit]:
    for text, seen in context.seen.items():
        held = {name for mode, name in seen.held if strength(mode) >= _BLOCKS_WRITERS}
        for table in sorted(held & {*seen.rewritten, *seen.scanned}):
            severity = context.graded(table, None)
            if severity is None:
                continue
            what = "writes all of" if table in seen.rewritten else "reads all of"
            yield Hit(
                severity,
                text,
                f"{what} {context.counted(table)} while nobody can write it, as seen on a shadow",
                "Do it in steps that let others work (see the other findings), or when few use it.",
            )


_DUPLICATES = """def upgrade():
    op.execute("ALTER TABLE terms ADD COLUMN name text")
"""
_LETS = """def upgrade():
    op.execute("ALTER TABLE terms ADD COLUMN note text")
"""

RULES = (
    Rule(
        id="will-fail",
        title="It fails when it runs",
        severity="danger",
        meaning=(
            "A revision failed when it was rehearsed on a shadow of the database, or rows of the "
            "database do not fit what it asks of them: NULL, duplicates, orphans, a CHECK, a type."
        ),
        effect="The revision fails at apply, after it has held its locks, and is undone.",
        remedy="Mend the revision, or the rows in its way first.",
        bad=_DUPLICATES,
        good=_LETS,
        match=_fails,
    ),
    Rule(
        id="not-probed",
        title="Whether the rows fit is not known",
        severity="warning",
        meaning="A query that would tell whether rows are in the way took too long, or failed.",
        effect="The revision may fail at apply.",
        remedy="Run the query when it may take longer.",
        bad="ALTER TABLE terms ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&)",
        good="ALTER TABLE terms ADD COLUMN note text",
        match=_not_known,
    ),
    Rule(
        id="not-rehearsed",
        title="A plan was read, not rehearsed",
        severity="danger",
        meaning=(
            "No shadow of the database could be made, or the revision did not get through on one. "
            'A warning where the target says `without_rehearsal = "allow"`.'
        ),
        effect="What it does is guessed from its SQL; what it sends at apply is not compared.",
        remedy="Mend what is in the way of the rehearsal; the finding names it.",
        bad="CREATE EXTENSION citext",
        good="ALTER TABLE terms ADD COLUMN note text",
        match=_not_rehearsed,
    ),
    Rule(
        id="depends-on-rows",
        title="A revision chooses by rows what it sends",
        severity="danger",
        meaning=(
            "It sent a statement on a shadow with a row in each table that it did not send on one "
            "without rows, or the other way round."
        ),
        effect=(
            "How many statements it sends is not known; one that has not the shape of those shown "
            "stops it before COMMIT."
        ),
        remedy="One statement over the rows, in place of a loop in Python.",
        bad="""def upgrade():
    for row in op.get_bind().execute(sa.text("SELECT id FROM terms")):
        op.execute(f"UPDATE terms SET domain = 'x' WHERE id = '{row.id}'")
""",
        good="UPDATE terms SET domain = 'x' WHERE domain IS NULL",
        match=_depends,
    ),
    Rule(
        id="sql-unseen",
        title="Statements that no plan shows",
        severity="danger",
        meaning="A revision uses a cursor of the database driver's own.",
        effect="What it sends is not shown and not compared; only what it locked and wrote is.",
        remedy="Use op.execute().",
        bad="""def upgrade():
    op.get_bind().connection.cursor().execute("DELETE FROM terms")
""",
        good="""def upgrade():
    op.execute("ALTER TABLE terms ADD COLUMN note text")
""",
        match=_unseen,
    ),
    Rule(
        id="long-work",
        title="Work on every row while nobody can write",
        severity="danger",
        meaning=(
            "A statement was seen to read or write a whole table over 10,000 rows under a lock "
            "that lets nobody write it, and no other finding names it."
        ),
        effect="The application waits as long as it takes.",
        remedy="Split it, so that the work is done without the lock.",
        bad="DO $$ BEGIN ALTER TABLE terms ALTER COLUMN domain SET NOT NULL; END $$",
        good="ALTER TABLE terms ADD COLUMN note text",
        match=_long_work,
    ),
)
