"""Index the day"""

from alembic import op

revision = "cp02"
down_revision = "cp01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_events_day ON events (day)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_events_day")
