"""Create authors"""

from alembic import op

revision = "ab06"
down_revision = "aa0x4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE authors (name text)")


def downgrade() -> None:
    op.drop_table("authors")
