"""One reader for an email"""

from alembic import op

revision = "uq02"
down_revision = "uq01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_unique_constraint("readers_email_key", "readers", ["email"])


def downgrade() -> None:
    op.drop_constraint("readers_email_key", "readers")
