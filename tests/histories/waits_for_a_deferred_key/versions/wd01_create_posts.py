"""Create posts"""

from alembic import op

revision = "wd01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE places (id integer PRIMARY KEY)")
    op.execute(
        "CREATE TABLE posts (id integer PRIMARY KEY, place integer"
        " REFERENCES places DEFERRABLE INITIALLY DEFERRED)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE posts")
    op.execute("DROP TABLE places")
