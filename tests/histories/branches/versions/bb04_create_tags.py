"""Create tags"""

import sqlalchemy as sa

from alembic import op

revision = "bb04"
down_revision = "bb03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("tags", sa.Column("name", sa.Text, primary_key=True))


def downgrade() -> None:
    op.drop_table("tags")
