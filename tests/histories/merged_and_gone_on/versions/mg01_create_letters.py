"""Create letters"""

from alembic import op

revision = "mg01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE letters (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE letters")
