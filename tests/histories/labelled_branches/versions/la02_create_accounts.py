"""Create accounts"""

from alembic import op

revision = "la02"
down_revision = "la01"
branch_labels = ("accounts",)
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE accounts (id integer PRIMARY KEY, person integer REFERENCES people)")


def downgrade() -> None:
    op.execute("DROP TABLE accounts")
