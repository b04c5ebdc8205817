"""The tables of sign-ins and of failed logins."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time

WINDOW = timedelta(minutes=15)
"""How long a failed login counts."""


class SignIn(Base):
    """A browser that is signed in. Only the SHA-256 of its cookie is stored."""

    __tablename__ = "sign_ins"

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[Time]
    expires_at: Mapped[Time] = mapped_column(index=True)


class EmailToken(Base):
    """A link that was sent to `email`: whoever holds it reads that address. Works once. `purpose` is verify, change or reset."""

    __tablename__ = "email_tokens"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Time]


class FailedLogin(Base):
    """A wrong password: for which account (hashed, it may not exist) and from where: an address, or a known browser."""

    __tablename__ = "failed_logins"
    __table_args__ = (
        Index("ix_failed_logins_account_address_at", "account", "address", "at"),
        Index("ix_failed_logins_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account: Mapped[bytes] = mapped_column(LargeBinary)
    place: Mapped[str] = mapped_column("address", String(64))
    at: Mapped[Time]
