"""Convert the readings"""

import time

from alembic import op

revision = "pa02"
down_revision = "pa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE readings ADD kelvin numeric")
    time.sleep(1.5)  # as a computation in Python does
    op.execute("UPDATE readings SET kelvin = celsius + 273.15")


def downgrade() -> None:
    op.drop_column("readings", "kelvin")
