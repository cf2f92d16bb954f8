"""Split the songs"""

from alembic import op

revision = "ra02"
down_revision = "ra01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE verses AS SELECT id FROM songs")


def downgrade() -> None:
    # What a rollback meets when it renders or runs this.
    raise NotImplementedError("the verses can not be sung backwards")
