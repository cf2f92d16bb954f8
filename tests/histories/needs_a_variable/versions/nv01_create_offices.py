"""Create offices"""

from alembic import op

revision = "nv01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE offices (name text)")


def downgrade() -> None:
    op.execute("DROP TABLE offices")
