"""Create places"""

import sqlalchemy as sa

from alembic import op

revision = "mb01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("places", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("places")
