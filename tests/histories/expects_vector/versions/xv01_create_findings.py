"""Create findings"""

from alembic import op

revision = "xv01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE findings (id integer PRIMARY KEY, value vector(3))")


def downgrade() -> None:
    op.execute("DROP TABLE findings")
