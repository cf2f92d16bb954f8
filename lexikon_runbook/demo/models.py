"""Lexikon's tables as SQLAlchemy models: what `alembic check` compares the migrations with.

Ids are UUIDs as text; times are without a time zone, as the server's `now()` gives them.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, ClassVar

from sqlalchemy import (
    Enum,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# The names that PostgreSQL itself would give.
NAMES = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class AdoptionLevel(enum.Enum):
    """How a user means to work with Lexikon."""

    QUICK_PROJECT = "quick-project"
    RESEARCH_PROJECT = "research-project"
    PRODUCTION_API = "production-api"


class TermLevel(enum.Enum):
    """How far a term's definition is worked out."""

    QUICK_DRAFT = "quick-draft"
    READY = "ready"
    EXPERT = "expert"


class TermStatus(enum.Enum):
    """Where a term is on its way to being agreed."""

    DRAFT = "draft"
    READY = "ready"
    VALIDATED = "validated"


class ProjectRole(enum.Enum):
    """What a member may do in a project."""

    OWNER = "owner"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


def _labels(members: type[enum.Enum]) -> list[str]:
    return [member.value for member in members]


def _enum(members: type[enum.Enum]) -> Enum:
    return Enum(members, name=f"{members.__name__.lower()}enum", values_callable=_labels)


Id = Annotated[str, mapped_column(String, primary_key=True)]
UserId = Annotated[str, mapped_column(ForeignKey("users.id"))]
Now = Annotated[datetime | None, mapped_column(server_default=func.now())]
LongText = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    """The tables of the newest revision."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {
        member: _enum(member) for member in (AdoptionLevel, TermLevel, TermStatus, ProjectRole)
    }


class User(Base):
    """A person with an account."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email"), Index(None, "email"))

    id: Mapped[Id]
    email: Mapped[str]
    password_hash: Mapped[str | None]
    first_name: Mapped[str]
    last_name: Mapped[str]
    institution: Mapped[str | None]
    primary_domain: Mapped[str | None]
    language: Mapped[str]
    country: Mapped[str | None] = mapped_column(String(2))
    adoption_level: Mapped[AdoptionLevel]
    is_active: Mapped[bool]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class OAuthAccount(Base):
    """A user's login at another provider."""

    __tablename__ = "oauth_accounts"
    __table_args__ = (
        Index("ix_oauth_accounts_provider_user_id", "provider", "provider_user_id"),
        Index(None, "user_id"),
    )

    id: Mapped[Id]
    user_id: Mapped[UserId]
    provider: Mapped[str]
    provider_user_id: Mapped[str]
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class ApiKey(Base):
    """A key for the API; only its hash is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("key_hash"), Index(None, "key_hash"), Index(None, "user_id"))

    id: Mapped[Id]
    user_id: Mapped[UserId]
    key_hash: Mapped[str]
    name: Mapped[str]
    scopes: Mapped[str]
    is_active: Mapped[bool]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[Now]
    expires_at: Mapped[datetime | None]


class Project(Base):
    """A vocabulary that its members work on."""

    __tablename__ = "projects"

    id: Mapped[Id]
    name: Mapped[str]
    description: Mapped[LongText | None]
    language: Mapped[str]
    primary_domain: Mapped[str | None]
    is_public: Mapped[bool]
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    archived_at: Mapped[datetime | None]


class ProjectMember(Base):
    """A user's part in a project."""

    __tablename__ = "project_members"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[ProjectRole]
    joined_at: Mapped[Now]


class Term(Base):
    """A term and its definition, in a project or a user's own."""

    __tablename__ = "terms"
    __table_args__ = (Index(None, "name"), Index(None, "name", "created_by"))

    id: Mapped[Id]
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str]
    definition: Mapped[LongText]
    domain: Mapped[str | None]
    level: Mapped[TermLevel]
    status: Mapped[TermStatus]
    examples: Mapped[LongText | None]
    synonyms: Mapped[LongText | None]
    formal_definition: Mapped[LongText | None]
    citations: Mapped[LongText | None]
    term_metadata: Mapped[LongText | None]
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class OnboardingSession(Base):
    """One walk through the first steps, by a user or by somebody who never signed up."""

    __tablename__ = "onboarding_sessions"

    id: Mapped[Id]
    adoption_level: Mapped[AdoptionLevel]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Now]
    completed_at: Mapped[datetime | None]


class LlmConfig(Base):
    """A user's LLM settings; `temperature` is in hundredths (70 is 0.7)."""

    __tablename__ = "llm_configs"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), unique=True)
    provider: Mapped[str]
    api_key_encrypted: Mapped[str | None]
    model_name: Mapped[str | None]
    base_url: Mapped[str | None]
    max_tokens: Mapped[int]
    temperature: Mapped[int]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class Webhook(Base):
    """An address that is told about events; `secret` signs with HMAC-SHA256."""

    __tablename__ = "webhooks"
    __table_args__ = (UniqueConstraint("url", "user_id"),)

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    url: Mapped[str]
    events: Mapped[str]
    secret: Mapped[str]
    description: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=true())
    max_retries: Mapped[int] = mapped_column(server_default=text("5"))
    retry_delay_seconds: Mapped[int] = mapped_column(server_default=text("60"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    last_triggered_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event on its way to a webhook: pending, success or failed."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[Id]
    webhook_id: Mapped[str] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    event_type: Mapped[str]
    payload: Mapped[LongText]
    status: Mapped[str] = mapped_column(index=True)
    response_status: Mapped[int | None]
    response_body: Mapped[LongText | None]
    attempt_count: Mapped[int] = mapped_column(server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(server_default=text("5"))
    next_retry_at: Mapped[datetime | None] = mapped_column(index=True)
    last_error: Mapped[str | None]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    delivered_at: Mapped[datetime | None]
