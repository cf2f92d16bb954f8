"""Create editors"""

from alembic import op

revision: str = "ab06"
down_revision: str | None = "ab05_create_the_authors_of_all_notes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE editors (name text)")


def downgrade() -> None:
    op.drop_table("editors")
