"""Fill the disk"""

from alembic import op

revision = "df02"
down_revision = "df01"
branch_labels = None
depends_on = None

FULL = """
DO $$ BEGIN
    RAISE EXCEPTION 'could not extend file "base/5/16385": No space left on device'
    USING ERRCODE = '53100', HINT = 'Check free disk space.';
END $$
"""


def upgrade() -> None:
    op.execute(FULL)


def downgrade() -> None:
    pass
