"""Create spoons"""

from alembic import op

revision = "fo03"
down_revision = "fo02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE spoons (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE spoons")
