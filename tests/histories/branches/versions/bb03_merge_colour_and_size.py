"""Merge colour and size"""

revision = "bb03"
down_revision = ("bb01", "bb02")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
