"""Add a limit to accounts"""

import sqlalchemy as sa

from alembic import op

revision = "la03"
down_revision = "la02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("credit", sa.Integer))


def downgrade() -> None:
    op.drop_column("accounts", "credit")
