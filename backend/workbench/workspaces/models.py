"""The tables of workspaces and their repositories."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt


class Workspace(Base):
    """One project. `idle_minutes`: after how many without use its sessions' services stop, 0 for never, None as the installation
    has it. `deleted_at` puts it into the bin; the purge drops the row."""

    __tablename__ = "workspaces"
    __table_args__ = (
        UniqueConstraint("organization_id", "slug"),
        Index("ix_workspaces_organization_id_created_at_id", "organization_id", "created_at", "id"),
    )

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(String(2000), default="")
    default_session_id: Mapped[UUID]
    idle_minutes: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    deleted_at: Mapped[Time | None]


class Repository(Base):
    """A git history in a workspace; `root` always exists. `path` is its folder in every working copy."""

    __tablename__ = "repositories"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    id: Mapped[Key]
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(80))
    path: Mapped[str] = mapped_column(String(1000), default="")
    remote_url: Mapped[str | None] = mapped_column(String(2000))
    default_branch: Mapped[str] = mapped_column(String(250), default="main")
    created_at: Mapped[CreatedAt]
