"""Create a role that writes"""

from alembic import op

revision = "rf01"
down_revision = None
branch_labels = None
depends_on = None

ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'histories_writer') THEN
        CREATE ROLE histories_writer NOLOGIN;
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(ROLE)
    op.execute("CREATE TABLE papers (id integer PRIMARY KEY)")
    op.execute("GRANT INSERT ON papers TO histories_writer")


def downgrade() -> None:
    op.execute("DROP TABLE papers")
