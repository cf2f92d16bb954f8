"""Add a vector"""

import sqlalchemy as sa
from no_such_vector_package import Vector

from alembic import op

revision = "ab05"
down_revision = "aa04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("place", Vector(3)))


def downgrade() -> None:
    op.drop_column("notes", "place")
