"""Add a status"""

import sqlalchemy as sa

from alembic import op

revision = "wide02_add_a_status_and_a_note_to_the_item"
down_revision = "wide01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("items", sa.Column("status", sa.Text))


def downgrade() -> None:
    op.drop_column("items", "status")
