"""Create readers"""

from alembic import op

revision = "uq01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE readers (id integer PRIMARY KEY, email text)")


def downgrade() -> None:
    op.execute("DROP TABLE readers")
