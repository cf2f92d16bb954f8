"""Bill an account"""

import sqlalchemy as sa

from alembic import op

revision = "lb03"
down_revision = "lb02"
branch_labels = None
depends_on = "la02"


def upgrade() -> None:
    op.add_column("invoices", sa.Column("account", sa.Integer))
    op.create_foreign_key("invoices_account_fkey", "invoices", "accounts", ["account"], ["id"])


def downgrade() -> None:
    op.drop_column("invoices", "account")
