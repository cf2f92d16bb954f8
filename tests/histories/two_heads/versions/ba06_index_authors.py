"""Index authors"""

from alembic import op

revision = "ba06"
down_revision = "ba05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_authors_name ON authors (name)")


def downgrade() -> None:
    op.drop_index("ix_authors_name")
