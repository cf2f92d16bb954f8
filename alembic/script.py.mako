"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

import sqlalchemy as sa

from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision).replace("'", '"')}
down_revision = ${repr(down_revision).replace("'", '"')}
branch_labels = ${repr(branch_labels).replace("'", '"')}
depends_on = ${repr(depends_on).replace("'", '"')}


def upgrade() -> None:
    """SAY WHAT THIS CREATES OR CHANGES."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """SAY WHAT THIS DROPS, AND WHICH DATA WITH IT."""
    ${downgrades if downgrades else "pass"}
