"""Index and alter"""

import sqlalchemy as sa

from alembic import op

revision = "ff01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("author", sa.Text))
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_notes_author ON notes (author)")
    op.add_column("tags", sa.Column("colour", sa.Text))


def downgrade() -> None:
    pass
