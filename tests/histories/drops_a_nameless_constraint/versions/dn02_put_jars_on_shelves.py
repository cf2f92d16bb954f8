"""Put jars on shelves"""

import sqlalchemy as sa

from alembic import op

revision = "dn02"
down_revision = "dn01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jars", sa.Column("shelf", sa.Integer))
    op.create_foreign_key(None, "jars", "shelves", ["shelf"], ["id"])


def downgrade() -> None:
    op.drop_constraint(None, "jars", type_="foreignkey")
    op.drop_column("jars", "shelf")
