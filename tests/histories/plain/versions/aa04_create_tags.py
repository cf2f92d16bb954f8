"""Create tags"""

import sqlalchemy as sa

from alembic import op

revision = "aa04"
down_revision = "aa03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("tags", sa.Column("name", sa.Text, primary_key=True))
    op.execute("INSERT INTO tags VALUES ('new')")


def downgrade() -> None:
    op.drop_table("tags")
