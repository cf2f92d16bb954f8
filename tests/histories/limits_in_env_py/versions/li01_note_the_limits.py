"""Note the limits"""

from alembic import op

revision = "li01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE used AS SELECT 'li01'::text AS seen, current_setting('lock_timeout') AS lock"
    )


def downgrade() -> None:
    op.drop_table("used")
