"""Add a title"""

import sqlalchemy as sa

from alembic import op

revision = "pk02"
down_revision = "pk01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("books", sa.Column("title", sa.Text))


def downgrade() -> None:
    op.drop_column("books", "title")
