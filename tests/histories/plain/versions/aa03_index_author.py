"""Index author"""

from alembic import op

revision = "aa03"
down_revision = "aa02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_notes_author", "notes", ["author"])


def downgrade() -> None:
    op.drop_index("ix_notes_author", "notes")
