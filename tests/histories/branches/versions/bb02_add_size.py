"""Add size"""

import sqlalchemy as sa

from alembic import op

revision = "bb02"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("size", sa.Integer))


def downgrade() -> None:
    op.drop_column("notes", "size")
