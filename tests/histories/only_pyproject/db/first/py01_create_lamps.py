"""Create lamps"""

from alembic import op

revision = "py01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE lamps (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE lamps")
