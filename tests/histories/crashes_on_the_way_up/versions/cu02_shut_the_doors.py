"""Shut the doors"""

import os
import signal

from alembic import op

revision = "cu02"
down_revision = "cu01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE shut (id integer)")
    os.kill(os.getpid(), signal.SIGSEGV)


def downgrade() -> None:
    op.execute("DROP TABLE shut")
