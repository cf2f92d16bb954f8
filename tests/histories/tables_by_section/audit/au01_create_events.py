"""Create events"""

from alembic import op

revision = "au01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE audit.events (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE audit.events")
