"""Add a mood"""

from alembic import op

revision = "ab05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    op.execute("ALTER TABLE notes ADD mood mood")


def downgrade() -> None:
    op.drop_column("notes", "mood")
