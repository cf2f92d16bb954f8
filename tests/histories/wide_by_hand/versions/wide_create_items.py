"""Create items"""

from alembic import op

revision = "wide01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE items (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE items")
