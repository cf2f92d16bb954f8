"""Create keys"""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa

from alembic import op

revision = "rm01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    keys = op.create_table(
        "keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
    )
    op.bulk_insert(
        keys,
        [
            {"id": uuid.uuid4(), "name": name, "made": datetime.now(UTC)}
            for name in ("front", "back")
        ],
    )


def downgrade() -> None:
    op.drop_table("keys")
