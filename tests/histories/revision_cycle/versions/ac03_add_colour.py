"""Add colour

Create Date: 2025-01-03 10:00:00"""

from alembic import op

revision = "ac03"
down_revision = "ac02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notes ADD colour text")


def downgrade() -> None:
    op.drop_column("notes", "colour")
