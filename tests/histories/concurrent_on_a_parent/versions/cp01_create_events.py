"""Create events"""

from alembic import op

revision = "cp01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE events (id integer, day date) PARTITION BY RANGE (day)")


def downgrade() -> None:
    op.execute("DROP TABLE events")
