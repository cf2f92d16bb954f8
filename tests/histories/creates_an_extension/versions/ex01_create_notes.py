"""Create notes"""

from alembic import op

revision = "ex01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE notes (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE notes")
