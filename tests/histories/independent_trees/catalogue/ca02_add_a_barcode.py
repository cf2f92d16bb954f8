"""Add a barcode"""

import sqlalchemy as sa

from alembic import op

revision = "ca02"
down_revision = "ca01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("barcode", sa.Text))


def downgrade() -> None:
    op.drop_column("products", "barcode")
