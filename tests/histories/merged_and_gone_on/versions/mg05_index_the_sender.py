"""Index the sender"""

from alembic import op

revision = "mg05"
down_revision = "mg04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_letters_sender", "letters", ["sender"])


def downgrade() -> None:
    op.drop_index("ix_letters_sender", "letters")
