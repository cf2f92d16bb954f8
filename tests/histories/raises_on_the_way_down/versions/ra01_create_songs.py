"""Create songs"""

from alembic import op

revision = "ra01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE songs (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE songs")
