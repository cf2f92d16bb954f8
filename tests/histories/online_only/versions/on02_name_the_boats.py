"""Name the boats"""

import sqlalchemy as sa

from alembic import op

revision = "on02"
down_revision = "on01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for number, name in enumerate(("Aurora", "Borealis"), 1):
        bind.execute(sa.text("INSERT INTO boats VALUES (:id)"), {"id": number})
        op.execute(f"COMMENT ON TABLE boats IS 'the last is {name}'")


def downgrade() -> None:
    op.execute("DELETE FROM boats")
