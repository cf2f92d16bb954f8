"""Create shelves"""

from alembic import op

revision = "dn01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE shelves (id integer PRIMARY KEY)")
    op.execute("CREATE TABLE jars (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.drop_table("jars")
    op.drop_table("shelves")
