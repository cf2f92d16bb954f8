"""Widen the version table"""

from alembic import op

revision = "wide01w"
down_revision = "wide01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alembic_version ALTER version_num TYPE varchar(255)")


def downgrade() -> None:
    pass
