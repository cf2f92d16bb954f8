"""Create stamps"""

from alembic import op

revision = "po01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE stamps (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE stamps")
