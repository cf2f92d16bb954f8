"""Guard notes by a policy"""

from alembic import op

revision = "bb05"
down_revision = "bb04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE POLICY readers ON notes FOR SELECT USING (id > 0)")


def downgrade() -> None:
    pass
