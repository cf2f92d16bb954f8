"""Add a platform"""

import sqlalchemy as sa

from alembic import op

revision = "as02"
down_revision = "as01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trains", sa.Column("platform", sa.Integer))


def downgrade() -> None:
    op.drop_column("trains", "platform")
