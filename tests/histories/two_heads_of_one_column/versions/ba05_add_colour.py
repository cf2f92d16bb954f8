"""Add colour as text"""

from alembic import op

revision = "ba05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notes ADD colour text")


def downgrade() -> None:
    op.drop_column("notes", "colour")
