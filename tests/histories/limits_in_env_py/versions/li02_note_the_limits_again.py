"""Note the limits again"""

from alembic import op

revision = "li02"
down_revision = "li01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO used SELECT 'li02' AS seen, current_setting('lock_timeout') AS lock")


def downgrade() -> None:
    op.execute("DELETE FROM used WHERE seen = 'li02'")
