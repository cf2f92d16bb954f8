"""Create members"""

from alembic import op

revision = "co01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE members (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE members")
