"""Add colour"""

import sqlalchemy as sa

from alembic import op

revision = "dd01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("colour", sa.Text))


def downgrade() -> None:
    op.drop_column("notes", "colour")
