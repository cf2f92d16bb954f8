"""Create trains"""

from alembic import op

revision = "as01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE trains (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE trains")
