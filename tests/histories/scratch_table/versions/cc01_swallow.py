"""Swallow"""

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE scratch AS SELECT id FROM notes")
    op.execute("DROP TABLE scratch")
    op.execute("CREATE TEMPORARY TABLE passing (id int)")
    op.execute("CREATE TABLE IF NOT EXISTS notes (id int)")


def downgrade() -> None:
    op.drop_column("notes", "colour")
