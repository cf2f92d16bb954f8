"""Number pages by a sequence"""

from alembic import op

revision = "bb03"
down_revision = "bb02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE pages")


def downgrade() -> None:
    pass
