"""Create parts"""

import sqlalchemy as sa

from alembic import op

revision = "is01"
down_revision = None
branch_labels = None
depends_on = None

parts = sa.Table(
    "parts",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("maker", sa.Text, index=True),
    sa.Column("colour", sa.Text, index=True),
    sa.Column("weight", sa.Numeric, index=True),
    sa.Column("shelf", sa.Text, index=True),
)


def upgrade() -> None:
    parts.create(op.get_bind())


def downgrade() -> None:
    op.drop_table("parts")
