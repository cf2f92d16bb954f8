"""Create doors"""

from alembic import op

revision = "eu01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE doors (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE doors")
