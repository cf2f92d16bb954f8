"""Swallow"""

import sqlalchemy as sa

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("LOCK TABLE notes IN SHARE MODE")
    op.add_column("tags", sa.Column("colour", sa.Text))


def downgrade() -> None:
    op.drop_column("notes", "colour")
