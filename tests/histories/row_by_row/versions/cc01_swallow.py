"""Swallow"""

import contextlib

import sqlalchemy as sa

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for number in range(bind.scalar(sa.text("SELECT 100000"))):
        with contextlib.suppress(Exception), bind.begin_nested():
            bind.execute(sa.text(f"INSERT INTO notes (id, body) VALUES ({number}, 'one')"))


def downgrade() -> None:
    op.drop_column("notes", "colour")
