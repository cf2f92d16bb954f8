"""Create orders"""

from alembic import op

revision = "ns01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE warehouse.orders (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE warehouse.orders")
