"""Note the memory again"""

from alembic import op

revision = "lt02"
down_revision = "lt01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO used SELECT 'lt02' AS seen, current_setting('work_mem') AS memory")


def downgrade() -> None:
    op.execute("DELETE FROM used WHERE seen = 'lt02'")
