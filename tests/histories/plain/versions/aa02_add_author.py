"""Add author"""

import sqlalchemy as sa

from alembic import op

revision = "aa02"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("author", sa.Text))


def downgrade() -> None:
    op.drop_column("notes", "author")
