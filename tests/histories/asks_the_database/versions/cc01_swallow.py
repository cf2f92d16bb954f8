"""Swallow"""

import sqlalchemy as sa

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM notes")) == 0:
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_notes_body ON notes (body)")
    op.add_column("notes", sa.Column("colour", sa.Text))


def downgrade() -> None:
    op.drop_column("notes", "colour")
