"""Add a note"""

import sqlalchemy as sa

from alembic import op

revision = "xc02"
down_revision = "xc01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("findings", sa.Column("note", sa.Text))


def downgrade() -> None:
    op.drop_column("findings", "note")
