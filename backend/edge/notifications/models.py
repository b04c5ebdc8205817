"""The table of notifications."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time


class Notification(Base):
    """One fact told to one person, once: `source` names the fact. It is about a pull request or task of a workspace, by its
    `number`, or about an invitation, with which it goes."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "source"),
        Index("ix_notifications_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_notifications_unread", "user_id", postgresql_where=text("read_at IS NULL")),
    )

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    invitation_id: Mapped[UUID | None] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(30))
    about: Mapped[str] = mapped_column(String(10))
    number: Mapped[int | None]
    title: Mapped[str] = mapped_column(String(300))
    by_name: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[CreatedAt]
    read_at: Mapped[Time | None]
