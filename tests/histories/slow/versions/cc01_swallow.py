"""Swallow"""

import sqlalchemy as sa

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("colour", sa.Text))
    op.execute("SELECT pg_sleep(30)")


def downgrade() -> None:
    op.drop_column("notes", "colour")
