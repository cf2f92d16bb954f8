"""Create pots"""

from alembic import op

revision = "fl01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE pot (id serial PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE pot")
