"""Check at COMMIT"""

from alembic import op

revision = "cc01"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE FUNCTION check_slowly() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.6); RETURN NEW; END'"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION check_slowly()"
    )
    op.execute("INSERT INTO notes (body) VALUES ('checked')")


def downgrade() -> None:
    op.execute("DROP FUNCTION check_slowly CASCADE")
