"""Index the status"""

from alembic import op

revision = "wide03_index_the_status_of_all_those_items"
down_revision = "wide02_add_a_status_and_a_note_to_the_item"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_items_status", "items", ["status"])


def downgrade() -> None:
    op.drop_index("ix_items_status", "items")
