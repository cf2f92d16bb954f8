"""Let everybody read notes"""

from alembic import op

revision = "bb06"
down_revision = "bb05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT SELECT ON notes TO PUBLIC")


def downgrade() -> None:
    pass
