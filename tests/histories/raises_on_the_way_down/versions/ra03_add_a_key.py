"""Add a key"""

import sqlalchemy as sa

from alembic import op

revision = "ra03"
down_revision = "ra02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("songs", sa.Column("key", sa.Text))


def downgrade() -> None:
    op.drop_column("songs", "key")
