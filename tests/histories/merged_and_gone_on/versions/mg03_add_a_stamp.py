"""Add a stamp"""

import sqlalchemy as sa

from alembic import op

revision = "mg03"
down_revision = "mg01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("letters", sa.Column("stamp", sa.Integer))


def downgrade() -> None:
    op.drop_column("letters", "stamp")
