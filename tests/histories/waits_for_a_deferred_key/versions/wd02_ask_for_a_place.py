"""Ask for a place"""

from alembic import op

revision = "wd02"
down_revision = "wd01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE posts SET place = 1 WHERE place IS NULL")
    op.execute("ALTER TABLE posts ALTER COLUMN place SET NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE posts ALTER COLUMN place DROP NOT NULL")
