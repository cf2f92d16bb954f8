"""Performance indexes for queries

Revision ID: b9d0965451a3
Revises: 7beb871f4454
Create Date: 2025-11-22 16:40:52
"""

from alembic import op

revision = "b9d0965451a3"
down_revision = "7beb871f4454"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_terms_created_by", "terms", ["created_by"]),
    ("ix_terms_name_created_by", "terms", ["name", "created_by"]),
    ("ix_terms_project_id", "terms", ["project_id"]),
    ("ix_api_keys_user_id", "api_keys", ["user_id"]),
    ("ix_oauth_accounts_user_id", "oauth_accounts", ["user_id"]),
    ("ix_oauth_accounts_provider_user_id", "oauth_accounts", ["provider", "provider_user_id"]),
    ("ix_projects_owner_id", "projects", ["owner_id"]),
)


def upgrade() -> None:
    """Create seven indexes on terms, api_keys, oauth_accounts and projects."""
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Drop the seven indexes; no data goes with them."""
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
