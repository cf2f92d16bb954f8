"""Nothing"""

revision = "ab05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
