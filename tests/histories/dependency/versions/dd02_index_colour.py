"""Index colour"""

from alembic import op

revision = "dd02"
down_revision = "aa01"
branch_labels = None
depends_on = "dd01"


def upgrade() -> None:
    op.create_index("ix_notes_colour", "notes", ["colour"])


def downgrade() -> None:
    op.drop_index("ix_notes_colour", "notes")
