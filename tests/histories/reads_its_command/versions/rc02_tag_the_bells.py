"""Tag the bells"""

from alembic import context, op

revision = "rc02"
down_revision = "rc01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tag = context.get_tag_argument() or "none"
    op.execute(f"COMMENT ON TABLE bells IS 'tag: {tag}'")


def downgrade() -> None:
    op.execute("COMMENT ON TABLE bells IS NULL")
