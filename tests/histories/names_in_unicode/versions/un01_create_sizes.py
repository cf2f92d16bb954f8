"""Create sizes"""

from alembic import op

revision = "un01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE TABLE U&"gr\\00F6\\00DFen" ("Länge in m" numeric, id integer PRIMARY KEY)')


def downgrade() -> None:
    op.execute('DROP TABLE U&"gr\\00F6\\00DFen"')
