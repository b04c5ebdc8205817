"""The tables of people, and the one row that says what this installation is."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt


class User(Base):
    """A person. `email` is stored in lower case and unique; `password_hash` is empty for who signs in by others only."""

    __tablename__ = "users"

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str]
    email_verified_at: Mapped[Time | None]
    default_organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="SET NULL", use_alter=True)
    )
    owns_installation: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class UserSettings(Base):
    """What a person set on the page, as it wrote it."""

    __tablename__ = "user_settings"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[UpdatedAt]


class Installation(Base):
    """One row. `setup_hash` is the SHA-256 of the one-time token until the first account exists."""

    __tablename__ = "installation"

    id: Mapped[Key]
    setup_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]
