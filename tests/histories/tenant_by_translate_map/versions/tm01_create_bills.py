"""Create bills"""

import sqlalchemy as sa

from alembic import op

revision = "tm01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bills",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("note", sa.Text),
    )


def downgrade() -> None:
    op.drop_table("bills")
