"""Create readings"""

from alembic import op

revision = "pa01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE readings (id integer PRIMARY KEY, celsius numeric)")


def downgrade() -> None:
    op.execute("DROP TABLE readings")
