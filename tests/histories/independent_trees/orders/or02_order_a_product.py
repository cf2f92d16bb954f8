"""Order a product"""

from alembic import op

revision = "or02"
down_revision = "or01"
branch_labels = None
depends_on = "ca01"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD product integer REFERENCES products")


def downgrade() -> None:
    op.drop_column("orders", "product")
