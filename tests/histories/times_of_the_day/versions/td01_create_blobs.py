"""Create blobs, each with the second at which it was made"""

import datetime as dt
import time
from datetime import date, datetime

import sqlalchemy as sa

from alembic import op

revision = "td01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    from datetime import datetime as later

    now = datetime.now().strftime("'%Y-%m-%d %H:%M:%S'")
    op.create_table(
        "blobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created", sa.DateTime, server_default=sa.text(now)),
        sa.Column("day", sa.Date, server_default=sa.text(f"'{date.today()}'")),
    )
    op.execute(f"INSERT INTO blobs (id, created) VALUES (1, '{dt.datetime.now(dt.UTC):%F %T}')")
    op.execute(f"INSERT INTO blobs (id, day) VALUES (2, '{time.strftime('%Y-%m-%d')}')")
    op.execute(f"INSERT INTO blobs (id, day) VALUES (3, '{later(2020, 2, 29):%F}')")
    op.execute(f"INSERT INTO blobs (id) VALUES ({int(time.time()) % 1000 + 10})")
    assert isinstance(later.now(), datetime)
    assert isinstance(later.fromtimestamp(0), dt.datetime)


def downgrade() -> None:
    op.drop_table("blobs")
