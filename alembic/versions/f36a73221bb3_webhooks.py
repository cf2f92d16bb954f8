"""Webhooks table and delivery tracking

Revision ID: f36a73221bb3
Revises: b9d0965451a3
Create Date: 2025-11-23 10:15:30
"""

import sqlalchemy as sa

from alembic import op

revision = "f36a73221bb3"
down_revision = "b9d0965451a3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create webhooks and webhook_deliveries with their four indexes."""
    _create_webhooks()
    _create_deliveries()


def downgrade() -> None:
    """Drop both tables, with every webhook and the history of its deliveries."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("max_retries", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column(
            "retry_delay_seconds", sa.Integer(), server_default=sa.text("60"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(), server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(), server_default=sa.func.now()),
        sa.Column("last_triggered_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="webhooks_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="webhooks_user_id_fkey"),
        sa.UniqueConstraint("url", "user_id", name="webhooks_url_user_id_key"),
    )
    op.create_index("ix_webhooks_user_id", "webhooks", ["user_id"])


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("response_status", sa.Integer()),
        sa.Column("response_body", sa.Text()),
        sa.Column("attempt_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("next_retry_at", sa.DateTime()),
        sa.Column("last_error", sa.String()),
        sa.Column("created_at", sa.DateTime(), server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(), server_default=sa.func.now()),
        sa.Column("delivered_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name="webhook_deliveries_webhook_id_fkey",
            ondelete="CASCADE",
        ),
    )
    for column in ("webhook_id", "status", "next_retry_at"):
        op.create_index(f"ix_webhook_deliveries_{column}", "webhook_deliveries", [column])
