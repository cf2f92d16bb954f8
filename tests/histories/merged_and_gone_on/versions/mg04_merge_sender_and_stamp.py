"""Merge sender and stamp"""

revision = "mg04"
down_revision = ("mg02", "mg03")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
