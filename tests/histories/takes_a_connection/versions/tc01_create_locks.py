"""Create locks"""

from alembic import op

revision = "tc01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE locks (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE locks")
