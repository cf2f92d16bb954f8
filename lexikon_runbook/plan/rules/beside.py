"""Rules about what a revision does beside its SQL, and about SQL that is never the same."""

from __future__ import annotations

from collections.abc import Iterator

from .rule import Context, Hit, Rule


def _outside(context: Context) -> Iterator[Hit]:
    for tried in context.tried:
        yield Hit(
            "warning" if tried.of_file else "danger",
            "",
            f"calls {tried.what} at line {tried.line} ({tried.about}); while the plan was made it "
            "was refused, or led to a shadow, and would run at apply",
            "Do it beside the migration, in a step of the deployment that is seen and can be "
            "undone.",
        )


def _varies(context: Context) -> Iterator[Hit]:
    for text in context.varies:
        yield Hit(
            "warning",
            text,
            f"a statement of {context.revision} varies: it was another one when it was rendered "
            "again, and will be when it runs",
            "Write fixed values, or let the server make them: server_default=sa.func.now(), "
            "gen_random_uuid().",
        )


_AT_RANDOM = """def upgrade():
    import uuid

    op.execute(f"UPDATE terms SET domain = '{uuid.uuid4()}' WHERE domain IS NULL")
"""
_BY_THE_SERVER = """def upgrade():
    op.execute("UPDATE terms SET domain = gen_random_uuid() WHERE domain IS NULL")
"""
_REACHES = """def upgrade():
    import subprocess

    subprocess.run(["true"])
    op.execute("ALTER TABLE terms ADD COLUMN note text")
"""
_STAYS = """def upgrade():
    op.execute("ALTER TABLE terms ADD COLUMN note text")
"""

RULES = (
    Rule(
        id="reaches-outside",
        title="A revision does something outside of its database",
        severity="danger",
        meaning=(
            "Its Python opens a connection of its own or a socket, or starts a process; a file "
            "for writing is a warning."
        ),
        effect=(
            "It is no part of the revision's transaction: it stays when the revision fails, "
            "happens again at each try, and no plan shows what it does, not even to this database."
        ),
        remedy="Keep what is not the schema out of revisions.",
        bad=_REACHES,
        good=_STAYS,
        match=_outside,
    ),
    Rule(
        id="statement-varies",
        title="A statement is another one each time",
        severity="warning",
        meaning=(
            "Two renderings of the revision differ: a time, a random id, values from the "
            "environment."
        ),
        effect=(
            "What was approved is the statement without these values; what is sent is not what "
            "was read."
        ),
        remedy="Write the values down, or have the server make them.",
        bad=_AT_RANDOM,
        good=_BY_THE_SERVER,
        match=_varies,
    ),
)
