"""Add an email"""

import sqlalchemy as sa

from alembic import op

revision = "co02"
down_revision = "co01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("members", sa.Column("email", sa.Text))


def downgrade() -> None:
    op.drop_column("members", "email")
