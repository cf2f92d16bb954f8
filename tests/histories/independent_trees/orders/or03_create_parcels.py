"""Create parcels"""

from alembic import op

revision = "or03"
down_revision = "or02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE parcels (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE parcels")
