"""Merge"""

revision = "dd03"
down_revision = ("dd01", "dd02")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
