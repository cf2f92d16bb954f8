"""Comment the columns"""

from alembic import op

revision = "is03"
down_revision = "is02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in {"maker", "colour", "weight", "shelf"}:
        op.execute(f"COMMENT ON COLUMN tools.{column} IS 'the {column} of a tool'")


def downgrade() -> None:
    for column in {"maker", "colour", "weight", "shelf"}:
        op.execute(f"COMMENT ON COLUMN tools.{column} IS NULL")
