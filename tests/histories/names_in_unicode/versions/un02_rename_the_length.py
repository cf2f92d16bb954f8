"""Rename the length"""

from alembic import op

revision = "un02"
down_revision = "un01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("größen", "Länge in m", new_column_name="Länge")


def downgrade() -> None:
    op.alter_column("größen", "Länge", new_column_name="Länge in m")
