"""Add a sender"""

import sqlalchemy as sa

from alembic import op

revision = "mg02"
down_revision = "mg01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("letters", sa.Column("sender", sa.Text))


def downgrade() -> None:
    op.drop_column("letters", "sender")
