"""Create singers"""

from alembic import op

revision = "ra04"
down_revision = "ra03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE singers (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE singers")
