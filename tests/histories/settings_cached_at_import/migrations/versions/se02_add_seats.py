"""Add seats"""

import sqlalchemy as sa

from alembic import op

revision = "se02"
down_revision = "se01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rooms", sa.Column("seats", sa.Integer))


def downgrade() -> None:
    op.drop_column("rooms", "seats")
