"""Index body"""

from alembic import op

revision = "ee02"
down_revision = "ee01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_notes_body", "notes", ["body"], unique=True, postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_notes_body", "notes", postgresql_concurrently=True)
