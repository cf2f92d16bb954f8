"""Create orders"""

from alembic import op

revision = "or01"
down_revision = None
branch_labels = ("orders",)
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE orders (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE orders")
