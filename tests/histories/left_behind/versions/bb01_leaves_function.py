"""Count notes by a function"""

from alembic import op

revision = "bb01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE FUNCTION count_notes() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM notes'"
    )


def downgrade() -> None:
    pass
