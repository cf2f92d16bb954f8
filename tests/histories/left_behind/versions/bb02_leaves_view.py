"""Show notes in a view"""

from alembic import op

revision = "bb02"
down_revision = "bb01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE VIEW all_notes AS SELECT id FROM notes")


def downgrade() -> None:
    pass
