"""Create patients"""

from alembic import op

revision = "cl01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE clinic.patients (id integer PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE clinic.patients")
