"""The tables of organisations, their members and the invitations that are out."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.auth import Role
from backend.core.db import Base, CreatedAt, Key, Time


class Organization(Base):
    """Owns workspaces, members and keys. `deleted_at` puts it into the bin, where nobody has rights in it."""

    __tablename__ = "organizations"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[Time | None]


class Membership(Base):
    """A person in an organisation, with one role."""

    __tablename__ = "memberships"
    __table_args__ = (Index("ix_memberships_user_id", "user_id"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Role] = mapped_column(String(20))
    created_at: Mapped[CreatedAt]


class Invitation(Base):
    """A code that lets whoever holds it join with a role, once, until it expires."""

    __tablename__ = "invitations"

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[Role] = mapped_column(String(20))
    hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[Time]
    created_at: Mapped[CreatedAt]


class UsedInvitation(Base):
    """Who joined by a code, until it would have ended: they may open its link again, and anybody else is told why it ended."""

    __tablename__ = "used_invitations"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[Time]
