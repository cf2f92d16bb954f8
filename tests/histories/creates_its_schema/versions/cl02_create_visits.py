"""Create visits"""

from alembic import op

revision = "cl02"
down_revision = "cl01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE clinic.visits (id integer, of integer REFERENCES clinic.patients)")


def downgrade() -> None:
    op.execute("DROP TABLE clinic.visits")
