"""The table of sessions."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time


class Status(StrEnum):
    """starting → ready | failed → deleted (in the bin) → restoring → ready. A clone is `starting` until its history is here."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"
    RESTORING = "restoring"


class Session(Base):
    """A branch-like line of work. `status_reason` holds {code, message} of a failure, or of what a clone lacks; until
    `kept_until` its services run on though nobody uses them; `purging` says that its files are being removed for good."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "branch"),
        Index(
            "uq_sessions_workspace_id_name",
            "workspace_id",
            "name",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_sessions_organization_id_created_at_id", "organization_id", "created_at", "id"),
    )

    id: Mapped[Key]
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(200))
    branch: Mapped[str] = mapped_column(String(250))
    parent_session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id", ondelete="SET NULL"))
    is_default: Mapped[bool] = mapped_column(default=False)
    status: Mapped[Status] = mapped_column(String(20))
    status_reason: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[CreatedAt]
    last_active_at: Mapped[CreatedAt]
    kept_until: Mapped[Time | None]
    deleted_at: Mapped[Time | None] = mapped_column(index=True)
    purging: Mapped[bool] = mapped_column(default=False)
