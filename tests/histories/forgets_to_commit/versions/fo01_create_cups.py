"""Create cups"""

from alembic import op

revision = "fo01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE cups (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE cups")
