"""Add author

Create Date: 2025-01-02 10:00:00"""

from alembic import op

revision = "ac02"
down_revision = "ac01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notes ADD author text")


def downgrade() -> None:
    op.drop_column("notes", "author")
