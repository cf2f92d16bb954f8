"""Count and alter"""

import sqlalchemy as sa

from alembic import op

revision = "ff01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("UPDATE notes SET body = body || '!'")
    op.add_column("tags", sa.Column("colour", sa.Text))


def downgrade() -> None:
    pass
