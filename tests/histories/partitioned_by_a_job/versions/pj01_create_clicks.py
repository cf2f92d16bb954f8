"""Create clicks"""

from alembic import op

revision = "pj01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE clicks (id integer, at date, kind text) PARTITION BY RANGE (at)")
    op.create_index("ix_clicks_kind", "clicks", ["kind"])
    op.execute("CREATE TABLE clicks_rest PARTITION OF clicks DEFAULT")


def downgrade() -> None:
    op.drop_table("clicks")
