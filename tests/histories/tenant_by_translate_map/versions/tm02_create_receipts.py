"""Create receipts"""

import sqlalchemy as sa

from alembic import op

revision = "tm02"
down_revision = "tm01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("receipts", sa.Column("bill", sa.Integer, sa.ForeignKey("bills.id")))
    op.create_index("ix_bills_note", "bills", ["note"])


def downgrade() -> None:
    op.drop_index("ix_bills_note", "bills")
    op.drop_table("receipts")
