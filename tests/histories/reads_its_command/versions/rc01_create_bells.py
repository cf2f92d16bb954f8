"""Create bells"""

from alembic import op

revision = "rc01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE bells (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE bells")
