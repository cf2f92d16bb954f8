"""Create maps"""

from alembic import op

revision = "ne01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE maps (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE maps")
