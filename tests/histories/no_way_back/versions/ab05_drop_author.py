"""Drop author"""

from alembic import op

revision = "ab05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("notes", "author")


def downgrade() -> None:
    # As projects write it that go back from a backup only.
    raise NotImplementedError("restore a backup")
