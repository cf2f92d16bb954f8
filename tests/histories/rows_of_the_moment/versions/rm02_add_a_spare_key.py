"""Add a spare key"""

import uuid

from alembic import op

revision = "rm02"
down_revision = "rm01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(f"INSERT INTO keys VALUES ('{uuid.uuid4()}', 'spare', now())")


def downgrade() -> None:
    op.execute("DELETE FROM keys WHERE name = 'spare'")
