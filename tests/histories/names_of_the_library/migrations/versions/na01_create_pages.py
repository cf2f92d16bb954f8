"""Create pages"""

from alembic import op

revision = "na01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE pages (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE pages")
