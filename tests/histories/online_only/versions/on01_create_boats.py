"""Create boats"""

from alembic import op

revision = "on01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE boats (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE boats")
