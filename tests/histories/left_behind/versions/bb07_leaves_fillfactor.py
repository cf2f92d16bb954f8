"""Leave room in the pages of notes"""

from alembic import op

revision = "bb07"
down_revision = "bb06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notes SET (fillfactor = 70)")


def downgrade() -> None:
    pass
