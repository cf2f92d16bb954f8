"""Add a glaze"""

import sqlalchemy as sa

from alembic import op

revision = "fl02"
down_revision = "fl01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pot", sa.Column("glaze", sa.Text))


def downgrade() -> None:
    op.drop_column("pot", "glaze")
