"""The tables of second factors and recovery codes."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Time
from backend.ledger.secrets.sealed import Sealed


def sealed_of(user_id: UUID) -> str:
    return f"second_factors:{user_id}"


class SecondFactor(Base):
    """An authenticator app's secret, sealed with the installation's key `key_id`. Counts once it is confirmed. `last_step` is
    the time step of the last code that was taken: no code of it or of an earlier one is taken again."""

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(Sealed(lambda row: sealed_of(row.user_id)))
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[CreatedAt]
    confirmed_at: Mapped[Time | None]


class RecoveryCode(Base):
    """The SHA-256 of one that is left."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
