"""Index the title that nobody added"""

from alembic import op

revision = "ab05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_notes_title", "notes", ["title"])


def downgrade() -> None:
    op.drop_index("ix_notes_title", "notes")
