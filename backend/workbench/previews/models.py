"""The tables of who may see a preview, of the keys that sign tokens, and of the entries that were used."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt
from backend.ledger.secrets.sealed import Sealed


def sealed_of(key_id: str) -> str:
    return f"preview_keys:{key_id}"


class Visibility(StrEnum):
    """Who may open a preview: the session's owner, whoever sees the organisation's services, everyone with the address."""

    OWNER = "owner"
    ORGANIZATION = "organization"
    PUBLIC = "public"


class PreviewVisibility(Base):
    """A choice that somebody made for one port of one service; without a row it is `organization`."""

    __tablename__ = "preview_visibility"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    service: Mapped[str] = mapped_column(String(80), primary_key=True)
    port: Mapped[int] = mapped_column(primary_key=True)
    visibility: Mapped[Visibility] = mapped_column(String(20))
    set_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    updated_at: Mapped[UpdatedAt]


class PreviewKey(Base):
    """A key that signs tokens, itself sealed by the installation's vault (`vault_key`). Deleted, its tokens end."""

    __tablename__ = "preview_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    vault_key: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(Sealed(lambda row: sealed_of(row.id), key="vault_key"))
    created_at: Mapped[CreatedAt]


class PreviewEntry(Base):
    """An entry token that was used: a second use finds this row. Kept until the token would have expired anyway."""

    __tablename__ = "preview_entries"

    id: Mapped[Key]
    expires_at: Mapped[Time] = mapped_column(index=True)
