"""Create tools"""

import sqlalchemy as sa

from alembic import op

revision = "is02"
down_revision = "is01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tools",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("maker", sa.Text, index=True),
        sa.Column("colour", sa.Text, index=True),
        sa.Column("weight", sa.Numeric, index=True),
        sa.Column("shelf", sa.Text, index=True),
    )


def downgrade() -> None:
    op.drop_table("tools")
