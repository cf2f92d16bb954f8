"""Create goods"""

from alembic import op

revision = "cv01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE goods (id integer PRIMARY KEY, price integer)")


def downgrade() -> None:
    op.execute("DROP TABLE goods")
