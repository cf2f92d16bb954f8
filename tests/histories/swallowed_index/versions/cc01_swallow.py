"""Swallow"""

import sqlalchemy as sa

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        try:
            op.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_notes_body ON notes (body)")
        except sa.exc.IntegrityError:
            print("no index")
        op.execute("ALTER TABLE tags ADD COLUMN colour text")


def downgrade() -> None:
    op.drop_column("tags", "colour")
