"""Create books"""

from alembic import op

revision = "pk01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE books (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE books")
