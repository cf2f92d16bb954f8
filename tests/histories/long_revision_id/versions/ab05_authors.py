"""Create authors"""

from alembic import op

revision: str = "ab05_create_the_authors_of_all_notes"
down_revision: str | None = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE authors (name text)")


def downgrade() -> None:
    op.drop_table("authors")
