"""Shut the doors"""

import os

from alembic import op

revision = "eu02"
down_revision = "eu01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE shut (id integer)")
    os._exit(7)


def downgrade() -> None:
    op.execute("DROP TABLE shut")
