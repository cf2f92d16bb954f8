"""Index body"""

import sqlalchemy as sa

from alembic import op

revision = "ee02"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT true")):
        with op.get_context().autocommit_block():
            op.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ix_notes_body ON notes (body)"
            )


def downgrade() -> None:
    op.drop_index("ix_notes_body", "notes")
