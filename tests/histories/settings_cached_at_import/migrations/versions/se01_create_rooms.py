"""Create rooms"""

from alembic import op

revision = "se01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE rooms (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE rooms")
