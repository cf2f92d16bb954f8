"""Create notes

Create Date: 2025-01-01 10:00:00"""

from alembic import op

revision = "ac01"
down_revision = "ac03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE notes (body text)")


def downgrade() -> None:
    op.drop_table("notes")
