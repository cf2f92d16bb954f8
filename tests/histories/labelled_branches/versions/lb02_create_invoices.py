"""Create invoices"""

from alembic import op

revision = "lb02"
down_revision = "la01"
branch_labels = ("billing",)
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE invoices (id integer PRIMARY KEY, total numeric)")


def downgrade() -> None:
    op.execute("DROP TABLE invoices")
