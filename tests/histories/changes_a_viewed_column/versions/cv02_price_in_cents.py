"""Price in cents"""

import sqlalchemy as sa

from alembic import op

revision = "cv02"
down_revision = "cv01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("goods", "price", type_=sa.Numeric(10, 2))


def downgrade() -> None:
    op.alter_column("goods", "price", type_=sa.Integer)
