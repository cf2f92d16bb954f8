"""Give notes a mood"""

from alembic import op

revision = "bb04"
down_revision = "bb03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    op.execute("ALTER TABLE notes ADD COLUMN mood mood")


def downgrade() -> None:
    op.drop_column("notes", "mood")
