"""Add colour as a number"""

from alembic import op

revision = "bb05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notes ADD colour int")


def downgrade() -> None:
    op.drop_column("notes", "colour")
