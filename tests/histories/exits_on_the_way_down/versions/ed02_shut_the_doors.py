"""Shut the doors"""

import os

from alembic import op

revision = "ed02"
down_revision = "ed01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE shut (id integer)")


def downgrade() -> None:
    op.execute("DROP TABLE shut")
    os._exit(0)
