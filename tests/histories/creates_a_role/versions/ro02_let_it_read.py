"""Let it read"""

from alembic import op

revision = "ro02"
down_revision = "ro01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT SELECT ON papers TO histories_reader")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON papers FROM histories_reader")
