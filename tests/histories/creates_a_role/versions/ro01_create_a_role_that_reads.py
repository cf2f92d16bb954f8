"""Create a role that reads"""

from alembic import op

revision = "ro01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE ROLE histories_reader NOLOGIN")
    op.execute("CREATE TABLE papers (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE papers")
    op.execute("DROP ROLE histories_reader")
