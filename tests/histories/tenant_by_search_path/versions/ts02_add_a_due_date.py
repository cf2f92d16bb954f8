"""Add a due date"""

import sqlalchemy as sa

from alembic import op

revision = "ts02"
down_revision = "ts01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bills", sa.Column("due", sa.Date))


def downgrade() -> None:
    op.drop_column("bills", "due")
