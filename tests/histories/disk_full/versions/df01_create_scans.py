"""Create scans"""

from alembic import op

revision = "df01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE scans (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE scans")
