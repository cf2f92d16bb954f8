"""Name the first office"""

import os

import sqlalchemy as sa

from alembic import op

revision = "nv02"
down_revision = "nv01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    first = sa.text("INSERT INTO offices VALUES (:name)")
    op.execute(first.bindparams(name=os.environ["MYAPP_OFFICE"]))


def downgrade() -> None:
    op.execute("DELETE FROM offices")
