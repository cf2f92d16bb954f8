"""Initial schema (users, terms, api_keys, onboarding_sessions)

Revision ID: 7beb871f4454
Revises:
Create Date: 2025-11-21 09:14:07
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "7beb871f4454"
down_revision = None
branch_labels = None
depends_on = None

ENUMS = {
    "adoptionlevelenum": ("quick-project", "research-project", "production-api"),
    "termlevelenum": ("quick-draft", "ready", "expert"),
    "termstatusenum": ("draft", "ready", "validated"),
    "projectroleenum": ("owner", "editor", "reviewer", "viewer"),
}


def upgrade() -> None:
    """Create the four enum types, then the eight tables with their keys and indexes."""
    for name, labels in ENUMS.items():
        listed = ", ".join(f"'{label}'" for label in labels)
        op.execute(f"CREATE TYPE {name} AS ENUM ({listed})")
    _create_users()
    _create_accounts()
    _create_projects()
    _create_terms()
    _create_onboarding()


def downgrade() -> None:
    """Drop the eight tables with every row, then the four enum types."""
    for table in (
        "llm_configs",
        "onboarding_sessions",
        "terms",
        "project_members",
        "projects",
        "api_keys",
        "oauth_accounts",
        "users",
    ):
        op.drop_table(table)
    # PostgreSQL keeps a type that no column uses; left behind, it would stop the next upgrade.
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")


def _enum(name: str) -> postgresql.ENUM:
    return postgresql.ENUM(*ENUMS[name], name=name, create_type=False)


def _times(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.DateTime(), server_default=sa.func.now()) for name in names]


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String()),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("institution", sa.String()),
        sa.Column("primary_domain", sa.String()),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("country", sa.String(2)),
        sa.Column("adoption_level", _enum("adoptionlevelenum"), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *_times("created_at", "updated_at"),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("email", name="users_email_key"),
    )
    op.create_index("ix_users_email", "users", ["email"])


def _create_accounts() -> None:
    op.create_table(
        "oauth_accounts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("provider_user_id", sa.String(), nullable=False),
        sa.Column("access_token", sa.String()),
        sa.Column("refresh_token", sa.String()),
        sa.Column("expires_at", sa.DateTime()),
        *_times("created_at", "updated_at"),
        sa.PrimaryKeyConstraint("id", name="oauth_accounts_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="oauth_accounts_user_id_fkey"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("last_used_at", sa.DateTime()),
        *_times("created_at"),
        sa.Column("expires_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="api_keys_user_id_fkey"),
        sa.UniqueConstraint("key_hash", name="api_keys_key_hash_key"),
    )
    op.create_index("ix_api_keys_key_hash", "api_keys", ["key_hash"])


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("primary_domain", sa.String()),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        *_times("created_at", "updated_at"),
        sa.Column("archived_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="projects_pkey"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="projects_owner_id_fkey"),
    )
    op.create_table(
        "project_members",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("role", _enum("projectroleenum"), nullable=False),
        *_times("joined_at"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="project_members_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="project_members_project_id_fkey"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="project_members_user_id_fkey"),
    )


def _create_terms() -> None:
    op.create_table(
        "terms",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("domain", sa.String()),
        sa.Column("level", _enum("termlevelenum"), nullable=False),
        sa.Column("status", _enum("termstatusenum"), nullable=False),
        sa.Column("examples", sa.Text()),
        sa.Column("synonyms", sa.Text()),
        sa.Column("formal_definition", sa.Text()),
        sa.Column("citations", sa.Text()),
        sa.Column("term_metadata", sa.Text()),
        sa.Column("created_by", sa.String(), nullable=False),
        *_times("created_at", "updated_at"),
        sa.PrimaryKeyConstraint("id", name="terms_pkey"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="terms_project_id_fkey"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="terms_created_by_fkey"),
    )
    op.create_index("ix_terms_name", "terms", ["name"])


def _create_onboarding() -> None:
    op.create_table(
        "onboarding_sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("adoption_level", _enum("adoptionlevelenum"), nullable=False),
        sa.Column("user_id", sa.String()),
        *_times("created_at"),
        sa.Column("completed_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="onboarding_sessions_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="onboarding_sessions_user_id_fkey"),
    )
    op.create_table(
        "llm_configs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("api_key_encrypted", sa.String()),
        sa.Column("model_name", sa.String()),
        sa.Column("base_url", sa.String()),
        sa.Column("max_tokens", sa.Integer(), nullable=False),
        sa.Column("temperature", sa.Integer(), nullable=False),
        *_times("created_at", "updated_at"),
        sa.PrimaryKeyConstraint("id", name="llm_configs_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="llm_configs_user_id_fkey"),
        sa.UniqueConstraint("user_id", name="llm_configs_user_id_key"),
    )
