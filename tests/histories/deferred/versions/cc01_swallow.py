"""Swallow"""

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE pairs (id int PRIMARY KEY,"
        " other int REFERENCES pairs DEFERRABLE INITIALLY DEFERRED)"
    )
    op.execute("INSERT INTO pairs VALUES (1, 2)")


def downgrade() -> None:
    op.drop_column("notes", "colour")
