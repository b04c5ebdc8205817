"""The table of API keys, of which only the SHA-256 is stored, and of the calls that limited ones made in their minute."""

from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time


class ApiKey(Base):
    """A program's credential in one organisation."""

    __tablename__ = "api_keys"

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(20))
    hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Time | None]
    last_used_at: Mapped[Time | None]
    last_used_address: Mapped[str | None] = mapped_column(String(64))
    requests_per_minute: Mapped[int | None]


class KeyMinute(Base):
    """How often a key with a limit was used since `began`. Unlogged: it is written by every call of such a key, and after a
    crash of the database a minute may begin anew."""

    __tablename__ = "api_key_minutes"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True)
    began: Mapped[Time]
    used: Mapped[int]
