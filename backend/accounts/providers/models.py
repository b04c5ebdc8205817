"""The tables of linked identities and of sign-ins under way."""

from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time


class Identity(Base):
    """Who a person is at somebody else's: `issuer` and `subject` together never change their meaning, an address may."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(String(20))
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[CreatedAt]


class Attempt(Base):
    """A browser that went to a provider: what comes back must show the `state` whose SHA-256 this is, once, within ten
    minutes, from the browser that holds the cookie `browser` is the SHA-256 of. `user_id` is who links."""

    __tablename__ = "provider_attempts"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    browser: Mapped[bytes] = mapped_column(LargeBinary)
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(128))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    invitation: Mapped[str | None] = mapped_column(String(200))
    expires_at: Mapped[Time] = mapped_column(index=True)
