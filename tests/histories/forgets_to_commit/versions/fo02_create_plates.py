"""Create plates"""

from alembic import op

revision = "fo02"
down_revision = "fo01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE plates (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE plates")
