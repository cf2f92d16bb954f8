"""Note the memory"""

from alembic import op

revision = "lt01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE used AS SELECT 'lt01'::text AS seen, current_setting('work_mem') AS memory"
    )


def downgrade() -> None:
    op.drop_table("used")
