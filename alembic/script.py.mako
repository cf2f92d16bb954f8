<%! from lexikon_runbook.authoring import house %>\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date.replace(microsecond=0)}
"""

${house.imports(upgrades or "", downgrades or "", imports or "")}\
from alembic import op

revision = ${repr(up_revision).replace("'", '"')}
down_revision = ${repr(down_revision).replace("'", '"')}
branch_labels = ${repr(branch_labels).replace("'", '"')}
depends_on = ${repr(depends_on).replace("'", '"')}


def upgrade() -> None:
    ${house.upgrade_says(upgrades or "")}
${house.body(upgrades or "")}


def downgrade() -> None:
    ${house.downgrade_says(downgrades or "")}
${house.body(downgrades or "")}
