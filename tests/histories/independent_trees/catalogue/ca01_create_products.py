"""Create products"""

from alembic import op

revision = "ca01"
down_revision = None
branch_labels = ("catalogue",)
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE products (id integer PRIMARY KEY, price numeric)")


def downgrade() -> None:
    op.execute("DROP TABLE products")
