"""Add watts"""

import sqlalchemy as sa

from alembic import op

revision = "py02"
down_revision = "py01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lamps", sa.Column("watts", sa.Integer))


def downgrade() -> None:
    op.drop_column("lamps", "watts")
