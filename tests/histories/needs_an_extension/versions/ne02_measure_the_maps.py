"""Measure the maps"""

from alembic import op

revision = "ne02"
down_revision = "ne01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION histories_geometry")


def downgrade() -> None:
    op.execute("DROP EXTENSION histories_geometry")
