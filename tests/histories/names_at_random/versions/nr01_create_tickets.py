"""Create tickets"""

import uuid

from alembic import op

revision = "nr01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE tickets (id integer, seat text)")
    op.create_index(f"ix_{uuid.uuid4().hex[:12]}", "tickets", ["seat"])


def downgrade() -> None:
    op.drop_table("tickets")
